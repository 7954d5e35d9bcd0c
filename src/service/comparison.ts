import { readProbe } from '../changes/probe-release.ts';
import { changesReconciler } from '../reconcile/changes/changes.ts';
import type { ChangesContext } from '../reconcile/changes/context.ts';
import type { Reconciler } from '../reconcile/reconciler.ts';

/** What one side of a comparison may take as a whole: its files, what prepares them, and reading all of its code locations. */
const SIDE_LIMIT_MS = 15 * 60_000;

/** What compares revisions with their bases. What an earlier life has left of it is removed first. */
export async function composeComparison(parts: Omit<ChangesContext, 'sideTime' | 'probe'>): Promise<Reconciler> {
  await parts.commitTrees.removeLeftovers();
  return changesReconciler({
    ...parts,
    probe: readProbe(),
    sideTime: () => ({ limitMs: SIDE_LIMIT_MS, signal: AbortSignal.timeout(SIDE_LIMIT_MS) }),
  });
}
