import { rm } from 'node:fs/promises';
import type { Launch, LaunchPlan, Place, PlannedProcess, Step } from '../../deployment/launch.ts';
import { messageOf } from '../../errors.ts';
import type { InstanceLog, Source } from '../runtime.ts';
import { buildEnvironment } from './environment.ts';
import type { Instance } from './instance.ts';
import type { KeyedLock } from './keyed-lock.ts';
import { liesInTree } from './lies-in-tree.ts';
import { makePlace } from './make-place.ts';
import { makeShared } from './make-shared.ts';
import { persistFolders } from './persist-folders.ts';
import { runInstanceTool } from './run-inside.ts';
import { runStep, StepFailure } from './run-step.ts';
import { writePlannedFile } from './write-planned-file.ts';

/** What a start is given. */
export interface LaunchRequest {
  readonly launch: Launch;
  readonly source: Source;
  readonly log: InstanceLog;
  /** By the path of a folder that more than one instance uses. */
  readonly sharedLock: KeyedLock;
}

/**
 * Everything between an empty instance folder and running processes. Never rejects: a failure becomes the instance's exit,
 * and an abort (by a stop, the service's end, or a process that ended early) just ends it.
 */
export async function launchInstance(instance: Instance, request: LaunchRequest): Promise<void> {
  try {
    await launch(instance, request);
  } catch (error) {
    instance.fail(error instanceof StepFailure ? error.code : null, messageOf(error));
  }
}

async function launch(instance: Instance, { launch, source, log, sharedLock }: LaunchRequest): Promise<void> {
  const place = await makePlace(instance, { launch, source });
  instance.at('planning');
  const plan = await launch.plan(place);
  instance.signal.throwIfAborted();
  await removeFromTree(place, plan);
  await persistFolders(instance, plan, { place, log, lock: sharedLock });
  for (const file of plan.files) await writePlannedFile(instance, place, file);
  const [first] = plan.processes;
  instance.save({ surroundings: { directory: first.directory, env: { ...first.env } } });

  const shared = makeAllShared(instance, plan, { log, lock: sharedLock });
  const [keys] = await Promise.all([runOwnSteps(instance, plan, { log, shared }), shared]);
  await removeFilesOfSteps(instance, plan);
  startProcesses(
    instance,
    plan.processes.filter((one) => !one.early),
  );
  instance.signal.throwIfAborted();
  instance.runs();
  for (const key of keys) instance.ground.spares.replenish(instance.ground, key);
}

/** What all instances share; then what starts beside the steps. */
async function makeAllShared(
  instance: Instance,
  { steps, processes }: LaunchPlan,
  options: { log: InstanceLog; lock: KeyedLock },
): Promise<void> {
  for (const step of steps)
    if (step.makesShared) await makeShared(instance, step as Step & Required<Pick<Step, 'makesShared'>>, options);
  startProcesses(
    instance,
    processes.filter((one) => one.early),
  );
}

/** The other steps, one after the other. Returns the keys of what was kept or taken. */
async function runOwnSteps(
  instance: Instance,
  { steps }: LaunchPlan,
  { log, shared }: { log: InstanceLog; shared: Promise<void> },
): Promise<string[]> {
  const keys: string[] = [];
  for (const step of steps) {
    if (step.makesShared) continue;
    if (!step.besideShared) await shared;
    keys.push(...(await runOwnStep(instance, step, log)));
  }
  return keys;
}

/** Of an optional part, one that fails leaves the part out, with its other steps and its process. Returns what `runStep` does. */
async function runOwnStep(instance: Instance, step: Step, log: InstanceLog): Promise<string[]> {
  const { optionalParts } = step;
  if (optionalParts === undefined) return runStep(instance, step, log);
  if (optionalParts.every((part) => isLost(instance, part))) return [];
  try {
    return await runStep(instance, step, log);
  } catch (error) {
    instance.signal.throwIfAborted();
    instance.lose(optionalParts, messageOf(error));
    log.say(`the rest goes on without ${optionalParts.join(', ')}, which is optional`);
    return [];
  }
}

const isLost = (instance: Instance, part: string | undefined): boolean =>
  instance.lost.some(({ name }) => name === part);

async function removeFromTree(place: Place, plan: LaunchPlan): Promise<void> {
  for (const path of plan.removeFromTree ?? []) {
    if (!(await liesInTree(path, place.tree))) throw new Error(`${path} is not below the tree`);
    await rm(path, { recursive: true, force: true });
  }
}

/** The files lie in a folder of the instance's, which has run code by now. */
async function removeFilesOfSteps(instance: Instance, plan: LaunchPlan): Promise<void> {
  const paths = plan.files.flatMap(({ path, stepsOnly }) => (stepsOnly ? [path] : []));
  if (paths.length > 0) await runInstanceTool(instance, 'rm -f -- "$@"', paths, { account: instance.ground.account });
}

function startProcesses(instance: Instance, processes: readonly PlannedProcess[]): void {
  for (const planned of processes) {
    if (isLost(instance, planned.optionalPart)) continue;
    instance.at(`starting the ${planned.name}`);
    instance.startProcess(planned, environmentOf(instance, { ...planned.secret, ...planned.env }));
  }
}

/** The environment of one of the instance's children. */
function environmentOf(instance: Instance, planned: Readonly<Record<string, string>>): Record<string, string> {
  const { ground, folders, record } = instance;
  return buildEnvironment(ground, { name: record.name, folders, port: record.port }, { planned });
}
