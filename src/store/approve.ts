import type { Store } from './store.ts';

/**
 * Lets one commit of a fork's merge request run: what is held of it is queued, and what its pipeline brings later is not held. Whether
 * `by` may say so, and that the commit is the head, is the caller's to check.
 *
 * @param approval.sha whole id
 * @param approval.by display name of a Developer of the target project
 */
export function approveCommit(
  store: Store,
  mergeRequestId: number,
  approval: { readonly sha: string; readonly by: string; readonly now: number },
): void {
  const { sha, by, now } = approval;
  store.transaction(() => {
    store.mergeRequests.update(mergeRequestId, { approvedSha: sha, approvedBy: by });
    for (const deployment of store.deployments.ofMergeRequest(mergeRequestId)) {
      const message = `${by} approved the commit ${sha.slice(0, 8)} of the fork.`;
      store.events.add({ at: now, type: 'approved', message, deploymentId: deployment.id, mergeRequestId });
      const latest = store.revisions.latest(deployment.id);
      if (latest?.state === 'held' && latest.commit.sha === sha)
        store.revisions.update(latest.id, { state: 'queued', queuedAt: now });
      store.work.mark(`deployment:${deployment.id}`, 'instance', now);
    }
    store.work.mark(`merge-request:${mergeRequestId}`, 'note', now);
  });
}
