import type { Metrics, RevisionOutcome } from '../metrics.ts';
import type { RevisionRow } from '../store/schema.ts';
import type { Store } from '../store/store.ts';

/** Tells how revisions ended; of one that became healthy for the first time also how long that took since its push. */
export function countRevisions(
  store: Store,
  { metrics, now }: { readonly metrics: Metrics; readonly now: () => number },
): (revision: RevisionRow, outcome: RevisionOutcome) => void {
  return (revision, outcome) => {
    const isFirst = outcome === 'healthy' && revision.healthyAt === null;
    metrics.revisionEnded(revision.spec.preset, outcome, isFirst ? now() - pushedAt(revision) : undefined);
  };

  /** From the first call of its job on. Of a fork's from its approval on, which is when it was queued: people take their time. */
  function pushedAt(revision: RevisionRow): number {
    const deployment = store.deployments.get(revision.deploymentId);
    const mergeRequest = deployment && store.mergeRequests.get(deployment.mergeRequestId);
    const isApproved = mergeRequest?.approvedSha === revision.commit.sha;
    return isApproved ? revision.queuedAt : Math.min(revision.queuedAt, store.jobs.beganAt(revision.id) ?? Infinity);
  }
}
