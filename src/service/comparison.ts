import { changesReconciler } from '../reconcile/changes/changes.ts';
import type { ChangesContext } from '../reconcile/changes/context.ts';
import type { Reconciler } from '../reconcile/reconciler.ts';
import { createCommitTrees } from '../store/bundles/commit-trees.ts';
import type { BundleLimits } from '../store/bundles/refusals.ts';

/** What compares revisions with their bases. What an earlier life has left of it is removed first. */
export async function composeComparison(
  parts: Omit<ChangesContext, 'commitTrees'> & { readonly directory: string; readonly limits: BundleLimits },
): Promise<Reconciler> {
  const { directory, limits, ...context } = parts;
  const commitTrees = createCommitTrees({ directory, limits });
  await commitTrees.clean();
  return changesReconciler({ ...context, commitTrees });
}
