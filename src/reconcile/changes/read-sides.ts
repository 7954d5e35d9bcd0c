import { createHash, createHmac } from 'node:crypto';
import type { DefinitionsReader, LaunchContext } from '../../apps/preset.ts';
import { nameInBranch } from '../../changes/rename-locations.ts';
import type { AppSpec } from '../../deployment/app-spec.ts';
import type { MissingFiles } from '../../deployment/changes.ts';
import { messageOf, ProblemError } from '../../errors.ts';
import { deploymentFields } from '../../log.ts';
import type { Beside } from '../../runtimes/runtime.ts';
import type { CommitTree } from '../../store/bundles/commit-trees.ts';
import { openRevision } from '../instance/variables.ts';
import { baseFiles } from './base-files.ts';
import { type ChangesContext, type Compared, type SideTime, UnknownChanges } from './context.ts';
import { hidePaths } from './hide-paths.ts';
import { maskSnapshot } from './mask-snapshot.ts';
import {
  beginReading,
  outOfTime,
  prepareLocation,
  type ReadLocation,
  readLocation,
  type SharedReading,
} from './read-location.ts';

/** One side of a comparison: what was read of each code location. */
export type ReadSide = Readonly<Record<string, ReadLocation>>;

/** Whether the time was over before all of a side was read. */
export const isLate = (side: ReadSide): boolean =>
  Object.values(side).some((read) => read.status === 'unread' && read.isLate === true);

const LONGEST_REASON = 500;
/** Reads sides for one revision. */
export interface Sides {
  /** The revision's own code. */
  branch(): Promise<ReadSide>;
  /** The code of a commit: of the base, or of another one that the base is compared with. */
  commit(sha: string): Promise<ReadSide>;
  /** Files of the base that the next revision is not given, once the base was read; null where it is given all that it asks for. */
  missingFiles(): MissingFiles | null;
  /** The same, where the base could not be read: then the next revision is given none of an earlier base either. */
  filesOfUnread(): Promise<MissingFiles | null>;
}

/** Keys of a spec that make no difference to what is read. */
const NOT_READ_WITH = new Set([
  'remarks',
  'timeoutMs',
  'changes',
  'daemon',
  'maxConcurrentRuns',
  'drainMs',
  'dagsterYaml',
]);
/** Nothing to read with the base: it has no project there. */
const NO_PROJECT = new Set(['no-directory', 'nothing-recognised', 'no-location']);

/**
 * Reads the definitions of a revision and of its base, both by the revision's instance: with its environment and its values, so that only the
 * code differs. Facts about the commit are the base's on both sides: code that puts them into a tag has not changed it.
 * What was read is kept, and not read again.
 */
export function createSides(context: ChangesContext, compared: Compared): Sides {
  const { deployment, revision, base } = compared;
  const { store } = context;
  const preset = context.presetFor(revision.spec);
  const reader = preset.definitions as DefinitionsReader;
  const opened = openRevision(context, revision);
  const secrets = [...opened.variables, ...opened.setupVariables].map(({ value }) => value);
  const launch: LaunchContext = { ...context.launchContext(deployment, { ...revision, commit: base }), ...opened };
  const files = baseFiles(context, compared, reader);

  let own: Promise<ReadSide> | undefined;
  const branch = (): Promise<ReadSide> => {
    own ??= kept(`revision:${revision.id}:${base.sha}:${context.probe.release}`, readBranch);
    return own;
  };
  return {
    branch,
    commit: async (sha) => {
      const key = keyOfCommit(context, compared, { sha, branch: await branch(), launch });
      // Those of another base lie there now.
      if (sha === base.sha && files?.areKept() === false) store.changes.forgetReading(deployment.id, key);
      return kept(key, () => readCommit(sha));
    },
    missingFiles: () => files?.missing() ?? null,
    async filesOfUnread() {
      if (files?.areKept() === false)
        await beside(undefined, (place) => files.drop(place, 'the base could not be read')).catch((error: unknown) =>
          context.log.warn(
            { ...deploymentFields(deployment, revision), error: messageOf(error) },
            'files of an earlier base could not be removed',
          ),
        );
      return files?.missing() ?? null;
    },
  };

  function readBranch(): Promise<ReadSide> {
    return beside(undefined, (place) =>
      readAll(place, { locations: reader.locations(revision.spec), time: context.sideTime() }, (location) =>
        reader.plan(revision.spec, launch, { place: place.place, program: context.probe, location }),
      ),
    );
  }

  async function kept(key: string, read: () => Promise<ReadSide>): Promise<ReadSide> {
    const known = store.changes.reading(deployment.id, key);
    if (known !== undefined) {
      store.changes.readingUsed(deployment.id, key, context.now());
      return JSON.parse(known) as ReadSide;
    }
    const side = await read();
    // What was not read may be read the next time.
    if (Object.values(side).every(({ status }) => status !== 'unread')) keep(key, JSON.stringify(side));
    return side;
  }

  function keep(key: string, text: string): void {
    store.changes.keepReading(deployment.id, key, { text, now: context.now() });
  }

  async function readCommit(sha: string): Promise<ReadSide> {
    const time = context.sideTime();
    const tree = await unpackCommit(sha, time);
    try {
      const spec = await recogniseBase(context, compared, tree);
      const wanted = sha === base.sha ? files : undefined;
      if (spec === undefined && wanted === undefined) return {};
      return await beside(tree, async (place) => {
        const side = spec ? await readBase(place, spec, time) : {};
        await wanted?.keep(place);
        return side;
      });
    } finally {
      await tree.drop();
    }
  }

  function readBase(place: Beside, spec: AppSpec, time: SideTime): Promise<ReadSide> {
    return readAll(place, { locations: reader.locations(spec), time }, (location) => {
      const reading = { place: place.place, program: context.probe, location: readerOf(compared, spec, location) };
      return reader.plan(revision.spec, launch, { ...reading, base: { tree: place.tree as string, spec, location } });
    });
  }

  async function unpackCommit(sha: string, time: SideTime): Promise<CommitTree> {
    try {
      return await context.commitTrees.unpack(context.gitlab.archive(deployment.projectId, sha), time.signal);
    } catch (error) {
      throw time.signal.aborted ? new UnknownChanges(`Its base could not be read: ${outOfTime(time)}.`) : error;
    }
  }

  async function readAll(
    place: Beside,
    { locations, time }: { readonly locations: readonly string[]; readonly time: SideTime },
    plan: (location: string) => ReturnType<DefinitionsReader['plan']>,
  ): Promise<ReadSide> {
    const side: Record<string, ReadLocation> = {};
    const shared = beginReading(time);
    const plans = locations.map((location) => [location, planOrReason(() => plan(location))] as const);
    // As in a start: one location may load what another one has prepared.
    for (const [, steps] of plans) if (typeof steps !== 'string') await prepareLocation(place, steps, shared);
    for (const [location, steps] of plans) side[location] = await readOne(place, steps, shared);
    return side;
  }

  async function readOne(
    place: Beside,
    steps: ReturnType<DefinitionsReader['plan']> | string,
    shared: SharedReading,
  ): Promise<ReadLocation> {
    if (typeof steps === 'string') return shown({ status: 'unread', reason: steps });
    const read = await readLocation(place, steps, shared);
    if (read.status === 'unread' && (await context.runtime.observe(revision.instance)).state !== 'running')
      throw new Error('its instance ended while its definitions were read');
    return shown(read);

    function shown(one: ReadLocation): ReadLocation {
      const trees = [place.tree, place.place.tree].filter((tree) => tree !== undefined);
      return shorten(maskSnapshot(withoutPaths(one, { trees, dataDir: context.dataDir }), secrets));
    }
  }

  function beside<T>(source: CommitTree | undefined, act: (place: Beside) => Promise<T>): Promise<T> {
    const { runtime } = context;
    if (!runtime.beside) throw new UnknownChanges(`The runtime ${runtime.kind} cannot read definitions yet.`);
    const log = { say: () => {}, write: () => {} };
    return runtime.beside(revision.instance, { ...(source ? { source } : {}), log }, act);
  }
}

function planOrReason<T>(plan: () => T): T | string {
  try {
    return plan();
  } catch (error) {
    return messageOf(error);
  }
}

/** What is said of a failure without this machine's folders, and without Dagster's advice on its command line. */
function withoutPaths(
  read: ReadLocation,
  { trees, dataDir }: { readonly trees: readonly string[]; readonly dataDir: string },
): ReadLocation {
  if (read.status === 'loaded') return read;
  const reason = read.reason.replace(/ Local modules were resolved using the working directory.*/s, '');
  // The longer ones first: trees lie in the data folder.
  return { ...read, reason: hidePaths(reason, [...trees, dataDir]) };
}

/** Once secrets are out of it: part of one is none that is looked for. */
function shorten(read: ReadLocation): ReadLocation {
  return read.status === 'loaded' ? read : { ...read, reason: read.reason.slice(0, LONGEST_REASON) };
}

/** Undefined where the base has no project of this kind in the folder: then everything is new. */
async function recogniseBase(
  context: ChangesContext,
  { revision }: Compared,
  tree: CommitTree,
): Promise<AppSpec | undefined> {
  const { directory, timeoutMs, variables, setupVariables, preset } = revision.spec;
  try {
    const spec = await context.recogniseApp({
      ...{ tree: tree.path, directory, timeoutMs },
      ...(variables ? { variables } : {}),
      ...(setupVariables ? { setupVariables } : {}),
    });
    return spec.preset === preset ? spec : undefined;
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error;
    if (NO_PROJECT.has(error.type)) return undefined;
    throw new UnknownChanges(`The base is not understood: ${error.message}`);
  }
}

/** The branch's location that reads one of the base: the same one, else one of the same folder, else the first. */
function readerOf({ revision }: Compared, base: AppSpec, name: string): string {
  if (revision.spec.preset !== 'dagster' || base.preset !== 'dagster') return name;
  const { locations, changes } = revision.spec;
  const renamed = nameInBranch(name, changes?.renameLocations);
  const folder = base.locations.find((one) => one.name === name)?.directory;
  const found =
    locations.find((one) => one.name === renamed) ?? locations.find((one) => one.directory === folder) ?? locations[0];
  return found?.name ?? name;
}

/** Everything that what is read of a commit depends on. */
function keyOfCommit(
  context: ChangesContext,
  { revision }: Compared,
  options: { readonly sha: string; readonly branch: ReadSide; readonly launch: LaunchContext },
): string {
  const spec = Object.entries(revision.spec).filter(([key]) => !NOT_READ_WITH.has(key));
  const environments = Object.entries(options.branch).map(([name, read]) =>
    read.status === 'loaded' ? [name, read.dagster, read.python, read.locks] : [name],
  );
  const { variables = [], env } = options.launch;
  // Keyed: a hash of a short secret could be guessed.
  const secret = context.sealingKeys[0]?.key ?? '';
  const handed = createHmac('sha256', secret).update(JSON.stringify(variables)).digest('hex');
  const all = JSON.stringify([context.probe.release, options.sha, spec, environments, env, handed]);
  return `commit:${createHash('sha256').update(all).digest('hex')}`;
}
