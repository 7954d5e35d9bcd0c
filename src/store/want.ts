import { mayRun } from '../deployment/forks.ts';
import { noteDueAt } from '../deployment/note-timing.ts';
import type { StopReason } from '../deployment/phase.ts';
import { droppedRedeploys, mergeRedeploys } from '../deployment/redeploy.ts';
import { queueMoved } from './queue-news.ts';
import type { DeploymentRow, RevisionRow } from './schema.ts';
import type { Store } from './store.ts';

/** How an event says what it wants: it changes what is wanted, marks work due, and does nothing else. */

/**
 * Wants a new revision of a deployment to run: from a job, from `/deploy`, or because its merge request was reopened. Of a fork's merge
 * request it is held until somebody approves its commit, whoever wants it.
 */
export function wantRevision(
  store: Store,
  deployment: DeploymentRow,
  request: Pick<RevisionRow, 'commit' | 'pushedBy' | 'bundle' | 'spec' | 'sealedVariables'> & {
    readonly now: number;
    readonly why: string;
  },
): RevisionRow {
  const { now, why, ...values } = request;
  return store.transaction(() => {
    const mayStart = mayRun(store.mergeRequests.get(deployment.mergeRequestId), values.commit.sha, 'approved');
    const revision = store.revisions.create(deployment, { ...values, state: mayStart ? 'queued' : 'held' }, now);
    store.deployments.wantRunning(deployment.id, now);
    if (deployment.phase === 'stopped' || deployment.phase === 'stopping')
      store.deployments.update(deployment.id, { phase: 'queued' });
    store.events.add({
      at: now,
      type: 'wanted',
      message: `Revision ${revision.number} (${values.commit.sha.slice(0, 8)}): ${why}.`,
      deploymentId: deployment.id,
      revisionId: revision.id,
      mergeRequestId: deployment.mergeRequestId,
    });
    store.work.mark(`deployment:${deployment.id}`, 'instance', now);
    store.work.mark(`merge-request:${deployment.mergeRequestId}`, 'note', noteDueAt('queued', now));
    return revision;
  });
}

/** Wants a deployment gone. A reason that is stronger than the one before replaces it: a closed merge request may still be merged. */
export function wantStopped(
  store: Store,
  deployment: DeploymentRow,
  request: { readonly reason: StopReason; readonly now: number },
): void {
  if (request.reason === 'undeployed') dropRedeploy(store, deployment);
  if (deployment.wanted === 'stopped' && deployment.stopReason === request.reason) return;
  // What a person took down stays down when the merge request is closed and reopened.
  if (deployment.stopReason === 'undeployed' && request.reason === 'closed') return;
  store.transaction(() => {
    store.deployments.wantStopped(deployment.id, request.reason, request.now);
    queueMoved(store, request.now);
    if (deployment.phase !== 'stopped') store.deployments.update(deployment.id, { phase: 'stopping' });
    store.events.add({
      at: request.now,
      type: 'unwanted',
      message: `To be removed: ${request.reason}.`,
      deploymentId: deployment.id,
      mergeRequestId: deployment.mergeRequestId,
    });
    store.work.mark(`deployment:${deployment.id}`, 'instance', request.now);
    store.work.mark(`merge-request:${deployment.mergeRequestId}`, 'note', noteDueAt('stopping', request.now));
  });
}

/**
 * Wants a deployment's latest source to run again: from `/deploy` or the API. It is recorded with the merge request, whose reconciler acts on it
 * once its truth was read; what comes of it is an event of the deployment (`wanted`, `redeploy`, or `not-redeployed` with the reason).
 *
 * @param request.by display name of who asks; whether they may is the caller's to check
 * @param request.now ms since the epoch
 */
export function requestRedeploy(
  store: Store,
  deployment: Pick<DeploymentRow, 'id' | 'mergeRequestId'>,
  request: { readonly by: string; readonly now: number },
): void {
  store.transaction(() => {
    const open = store.mergeRequests.get(deployment.mergeRequestId)?.redeploy ?? null;
    store.mergeRequests.update(deployment.mergeRequestId, {
      redeploy: mergeRedeploys(open, { deploymentIds: [deployment.id], by: request.by, at: request.now }),
    });
    store.events.add({
      at: request.now,
      type: 'redeploy',
      message: `${request.by} asked for it to run again.`,
      deploymentId: deployment.id,
      mergeRequestId: deployment.mergeRequestId,
    });
    store.work.mark(`merge-request:${deployment.mergeRequestId}`, 'merge-request', request.now);
  });
}

/** A person wants it gone: what was asked for before, and is not done yet, is not done any more. */
function dropRedeploy(store: Store, deployment: Pick<DeploymentRow, 'id' | 'mergeRequestId'>): void {
  store.transaction(() => {
    const open = store.mergeRequests.get(deployment.mergeRequestId)?.redeploy ?? null;
    if (open === null) return;
    const left = droppedRedeploys(open, [deployment.id]);
    store.mergeRequests.update(deployment.mergeRequestId, { redeploy: left });
    if (left === null) store.comments.settle(deployment.mergeRequestId, 'overtaken');
  });
}
