import type { KeyDifference } from '../deployment/changes.ts';

/** Whether two tables of texts hold the same: most do, and then no list of differences is made. Written for speed. */
export function isSameTable(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  let left = 0;
  for (const key in a) {
    left += 1;
    // What a table inherits is never a text.
    if (a[key] !== b[key]) return false;
  }
  for (const _ in b) left -= 1;
  return left === 0;
}

/** Keys that two tables do not share, or whose values differ; undefined where they are the same. */
export function differenceOfTables(
  base: ReadonlyMap<string, string | null>,
  branch: ReadonlyMap<string, string | null>,
): KeyDifference | undefined {
  const added: string[] = [];
  const changed: string[] = [];
  const removed: string[] = [];
  for (const [key, value] of branch) {
    if (!base.has(key)) added.push(key);
    else if (base.get(key) !== value) changed.push(key);
  }
  for (const key of base.keys()) if (!branch.has(key)) removed.push(key);
  if (added.length + changed.length + removed.length === 0) return undefined;
  return { added: added.sort(), changed: changed.sort(), removed: removed.sort() };
}

/** The order of texts in every list: by code unit, the same on every machine. */
export function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
