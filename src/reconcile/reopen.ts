import type { MergeRequestRow } from '../store/schema.ts';
import type { Store } from '../store/store.ts';
import { wantRevision } from '../store/want.ts';

/** What was stopped because the merge request was closed comes back with it, as long as its last good bundle is there. */
export async function reopen(
  context: {
    readonly store: Store;
    readonly now: () => number;
    hasBundle(digest: string): Promise<boolean>;
  },
  row: MergeRequestRow,
): Promise<void> {
  const { store } = context;
  for (const deployment of store.deployments.ofMergeRequest(row.id)) {
    if (deployment.wanted === 'running' || deployment.stopReason === 'undeployed') continue;
    const last = store.revisions.lastHealthy(deployment.id);
    if (!last || !(await context.hasBundle(last.bundle))) continue;
    store.transaction(() => {
      const current = store.deployments.get(deployment.id);
      // A job may have brought something newer while the disk was asked.
      if (current?.generation !== deployment.generation) return;
      wantRevision(store, deployment, {
        commit: last.commit,
        pushedBy: last.pushedBy,
        bundle: last.bundle,
        spec: last.spec,
        sealedVariables: last.sealedVariables,
        now: context.now(),
        why: 'the merge request was reopened',
      });
    });
  }
}
