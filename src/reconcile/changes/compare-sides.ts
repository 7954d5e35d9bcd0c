import { drawChanges } from '../../changes/change-graph.ts';
import { changedLocks } from '../../changes/changed-locks.ts';
import { compareDefinitions } from '../../changes/compare.ts';
import { underNamesOfBranch } from '../../changes/rename-locations.ts';
import { definitionsOf, type Snapshot } from '../../changes/snapshot.ts';
import type { DagsterSpec } from '../../deployment/app-spec.ts';
import type { ComparedChanges, UnknownLocation } from '../../deployment/changes.ts';
import { UnknownChanges } from './context.ts';
import type { ReadSide } from './read-sides.ts';

type Loaded = Extract<Snapshot, { status: 'loaded' }>;

/**
 * Compares what was read of both sides. A location that could not be read on one of them is left out of both.
 * @throws UnknownChanges where that is every location, or two of the base's would have one name
 */
export function compareSides(
  sides: { readonly base: ReadSide; readonly branch: ReadSide },
  options: DagsterSpec['changes'] = {},
): ComparedChanges {
  const { renameLocations, ignoreMetadata } = options;
  const renamed = underNamesOfBranch(Object.entries(sides.base), renameLocations);
  if ('twice' in renamed)
    throw new UnknownChanges(
      `rename_locations gives two of the base's code locations the name ${renamed.twice}. Leave one out: assets that moved into another location are recognised.`,
    );
  const base = renamed.locations;
  const branch = new Map(Object.entries(sides.branch));
  const unknownLocations: UnknownLocation[] = [];
  for (const location of [...new Set([...branch.keys(), ...base.keys()])].sort()) {
    const reason = reasonOf('it', branch.get(location)) ?? reasonOf('its base', base.get(location));
    if (reason !== undefined) unknownLocations.push({ location, reason });
  }
  const left = new Set(unknownLocations.map(({ location }) => location));
  const loaded = (side: ReadonlyMap<string, ReadSide[string]>): Array<[string, Loaded]> =>
    [...side].flatMap(
      ([name, read]): Array<[string, Loaded]> => (read.status === 'loaded' && !left.has(name) ? [[name, read]] : []),
    );
  const [before, after] = [loaded(base), loaded(branch)];
  const [first] = unknownLocations;
  if (first && before.length === 0 && after.length === 0)
    throw new UnknownChanges(`${first.location}: ${first.reason}`);
  const definitions = {
    base: before.map(([name, read]) => definitionsOf(name, read)),
    branch: after.map(([name, read]) => definitionsOf(name, read)),
  };
  const changes = compareDefinitions(definitions.base, definitions.branch, ignoreMetadata ? { ignoreMetadata } : {});
  return {
    changes,
    graph: drawChanges(changes, definitions) ?? null,
    unknownLocations,
    lockFiles: changedLocks(
      before.map(([, read]) => read),
      after.map(([, read]) => read),
    ),
  };
}

function reasonOf(what: string, read: ReadSide[string] | undefined): string | undefined {
  if (read === undefined || read.status === 'loaded') return undefined;
  return read.status === 'failed'
    ? `${what} does not load: ${read.reason}`
    : `${what} could not be read: ${read.reason}`;
}
