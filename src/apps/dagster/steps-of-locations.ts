import type { DagsterLocation } from '../../deployment/app-spec.ts';
import type { Step } from '../../deployment/launch.ts';
import type { AppValues } from '../app-values.ts';
import type { LaunchContext } from '../preset.ts';
import { prepareStep, type StepContext, setupSteps } from './location-steps.ts';

/** A location, and what its setup and prepare are given. */
interface Prepared {
  readonly location: DagsterLocation;
  readonly forSetup: AppValues;
  /** As the app file and `.env` have it. */
  readonly written: Readonly<Record<string, string>>;
}

/**
 * Setup and prepare of all locations, one location after the other. Those of one folder share its environment, and recognition has seen to it
 * that they have one setup: it runs once, as does a `prepare` that several of them have. A step that only optional locations need is theirs.
 * @param options.storage what prepare must wait for, as it opens `DAGSTER_HOME` beside the webserver
 */
export async function stepsOfLocations(
  all: readonly Prepared[],
  context: LaunchContext,
  options: Omit<StepContext, 'values' | 'written'> & { readonly storage: Step | undefined },
): Promise<Step[]> {
  const steps: Step[] = [];
  let { storage } = options;
  for (const [index, { location, forSetup, written }] of all.entries()) {
    const own = { ...options, values: forSetup, written };
    const folder = (one: DagsterLocation): boolean => one.directory === location.directory;
    const forFolder = needOf(all, folder);
    if (forFolder.first === index)
      for (const step of await setupSteps(location, context, own)) steps.push({ ...step, ...forFolder.need });
    const same = needOf(all, (one) => folder(one) && one.prepare === location.prepare);
    const prepare = same.first === index ? prepareStep(location, own) : undefined;
    if (!prepare) continue;
    if (storage) steps.push(storage);
    // Once it is there, it is for all.
    storage = undefined;
    steps.push({ ...prepare, ...same.need });
  }
  // Code servers open the storage, too.
  return storage ? [...steps, storage] : steps;
}

/** Which of the locations that share a step is the first, and whether the app can do without all of them. */
function needOf(
  all: readonly Prepared[],
  shares: (location: DagsterLocation) => boolean,
): { first: number; need: Pick<Step, 'optionalParts'> } {
  const sharing = all.map(({ location }) => location).filter(shares);
  const first = all.findIndex(({ location }) => shares(location));
  return { first, need: sharing.every((one) => one.optional) ? { optionalParts: sharing.map((one) => one.name) } : {} };
}
