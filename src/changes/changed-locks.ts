import type { Snapshot } from './snapshot.ts';

type Loaded = Extract<Snapshot, { status: 'loaded' }>;

/**
 * Lock files that differ between the snapshots of two sides, or that one side has: paths from the root of the tree, sorted. They are told
 * once, not for each asset. Where one side has no project there is nothing to compare with.
 */
export function changedLocks(before: Iterable<Loaded>, after: Iterable<Loaded>): string[] {
  const [sidesBefore, sidesAfter] = [[...before], [...after]];
  if (sidesBefore.length === 0 || sidesAfter.length === 0) return [];
  const [old, now] = [locksOf(sidesBefore), locksOf(sidesAfter)];
  return [...new Set([...old.keys(), ...now.keys()])].filter((path) => old.get(path) !== now.get(path)).sort();
}

function locksOf(side: readonly Loaded[]): ReadonlyMap<string, string> {
  return new Map(side.flatMap(({ locks }) => Object.entries(locks)));
}
