import type { DefinitionsReader } from '../../apps/preset.ts';
import type { MissingFiles } from '../../deployment/changes.ts';
import { messageOf } from '../../errors.ts';
import { deploymentFields } from '../../log.ts';
import type { Beside } from '../../runtimes/runtime.ts';
import { BASE_FILES } from '../../store/changes.ts';
import type { ChangesContext, Compared } from './context.ts';
import { hidePaths } from './hide-paths.ts';

/** Files of a revision's base that its next revision is given (`base_artifacts`). They are no part of the comparison. */
export interface BaseFiles {
  /** Whether those of this base lie in the deployment's folder, and not those of another one. */
  areKept(): boolean;
  /**
   * Keeps them, from the base's tree as it is once it was read. Where that fails, none are there, unless they were of the same base before.
   * Rejects where the store cannot be written.
   */
  keep(place: Beside): Promise<void>;
  /** That there are none, for this reason: those of an earlier base are removed. Rejects as `keep` does. */
  drop(place: Beside, reason: string): Promise<void>;
  /** What the next revision is not given; undefined where it is given all. */
  missing(): MissingFiles | undefined;
}

const LIMIT_MS = 60_000;

/** What came of it, with the last base that it was tried with. */
interface Outcome {
  /** Of which base, and what was asked for. */
  readonly wanted: string;
  readonly missing: readonly string[];
  /** Why it failed; null where the files are there, but for the missing ones. */
  readonly failure: string | null;
}

/** @returns undefined where the app file asks for none */
export function baseFiles(
  context: ChangesContext,
  { deployment, revision, base }: Compared,
  reader: DefinitionsReader,
): BaseFiles | undefined {
  const { store } = context;
  const { spec } = revision;
  const paths = (spec.preset === 'dagster' && spec.changes?.baseArtifacts) || [];
  if (paths.length === 0) return undefined;
  const wanted = JSON.stringify([base.sha, paths]);
  const outcome = (): Outcome | undefined => {
    const text = store.changes.reading(deployment.id, BASE_FILES);
    const found = text === undefined ? undefined : (JSON.parse(text) as Outcome);
    return found?.wanted === wanted ? found : undefined;
  };
  const tell = (came: Omit<Outcome, 'wanted'>): void => {
    const text = JSON.stringify({ wanted, ...came } satisfies Outcome);
    store.changes.keepReading(deployment.id, BASE_FILES, { text, now: context.now() });
  };
  const warn = (error: unknown, what: string): string => {
    const reason = hidePaths(messageOf(error), [context.dataDir]);
    context.log.warn({ ...deploymentFields(deployment, revision), error: reason }, what);
    return reason;
  };
  const drop = async (place: Beside, reason: string): Promise<void> => {
    const step = reader.dropKept?.(place.place);
    try {
      if (step) await place.run(step, { onOutput: () => {}, signal: AbortSignal.timeout(LIMIT_MS) });
    } catch (error) {
      warn(error, 'files of an earlier base could not be removed');
    }
    tell({ missing: paths, failure: reason });
  };
  return {
    drop,
    areKept: () => outcome()?.failure === null,
    async keep(place) {
      const step = reader.keep?.(spec, place.place, place.tree as string);
      if (!step) return;
      const before = outcome();
      // Until the new ones are all there it is not known which lie there, also for the service's next life.
      store.changes.forgetReading(deployment.id, BASE_FILES);
      const chunks: Uint8Array[] = [];
      try {
        await place.run(step, {
          onOutput: (chunk) => void chunks.push(chunk),
          signal: AbortSignal.timeout(LIMIT_MS),
        });
        const said = new Set(Buffer.concat(chunks).toString().split('\n'));
        tell({ missing: paths.filter((path) => said.has(path)), failure: null });
      } catch (error) {
        const failure = warn(error, 'files of the base could not be kept for the next revision');
        if (before?.failure === null) tell(before);
        else await drop(place, failure);
      }
    },
    missing() {
      const came = outcome();
      return came && came.missing.length > 0 ? { paths: came.missing, reason: came.failure } : undefined;
    },
  };
}
