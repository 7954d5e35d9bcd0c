import { noteDueAt } from '../deployment/note-timing.ts';
import type { StopReason } from '../deployment/phase.ts';
import type { GitLab } from '../gitlab/gitlab.ts';
import type { Log } from '../log.ts';
import type { DeploymentRow, MergeRequestRow } from '../store/schema.ts';
import type { Store } from '../store/store.ts';
import { wantRevision, wantStopped } from '../store/want.ts';
import { acknowledge, type CommentContext, obeyComment } from './comments.ts';
import { again, DONE, ofMergeRequest, type Reconciler, type Result } from './reconciler.ts';
import { redeploy } from './redeploy.ts';

/** Between the two reads that together prove that a merge request is gone. */
const SECOND_LOOK_MS = 30_000;

export interface MergeRequestContext extends CommentContext {
  readonly store: Store;
  readonly gitlab: GitLab;
  readonly log: Log;
  readonly now: () => number;
  hasBundle(digest: string): Promise<boolean>;
}

/** Reads the truth about a merge request from GitLab, and says what that makes wanted. */
export function mergeRequestReconciler(context: MergeRequestContext): Reconciler {
  const { store, gitlab, now } = context;
  return {
    kind: 'merge-request',
    async reconcile(id) {
      const known = store.mergeRequests.get(id);
      if (!known) return DONE;
      const project = await gitlab.project(known.projectId);
      const facts = await gitlab.mergeRequest(known.projectId, known.iid);
      if (facts === null) return missing(known);
      const row = store.mergeRequests.record(project, facts, now());
      const deployments = store.deployments.ofMergeRequest(id);
      if (facts.state === 'merged' || facts.state === 'closed') stop(deployments, facts.state);
      else await reopen(row, deployments);
      for (const comment of store.comments.open(id)) await obeyComment(context, row, comment);
      await redeploy(context, store.mergeRequests.get(id) as MergeRequestRow);
      for (const comment of store.comments.open(id)) await acknowledge(context, row, comment);
      const dueAt = store.deployments.ofMergeRequest(id).map(({ phase }) => noteDueAt(phase, now()));
      store.work.mark(ofMergeRequest(id), 'note', Math.max(now(), ...dueAt));
      return DONE;
    },
  };

  function missing(row: MergeRequestRow): Result {
    const timesMissing = row.timesMissing + 1;
    store.mergeRequests.update(row.id, { timesMissing });
    if (timesMissing < 2) return again(SECOND_LOOK_MS);
    store.mergeRequests.update(row.id, { state: 'deleted' });
    stop(store.deployments.ofMergeRequest(row.id), 'deleted');
    return DONE;
  }

  function stop(deployments: readonly DeploymentRow[], reason: StopReason): void {
    for (const deployment of deployments) wantStopped(store, deployment, { reason, now: now() });
  }

  /** What was stopped because the merge request was closed comes back with it, as long as its last good bundle is there. */
  async function reopen(row: MergeRequestRow, deployments: readonly DeploymentRow[]): Promise<void> {
    for (const deployment of deployments) {
      if (deployment.wanted === 'running' || deployment.stopReason === 'undeployed') continue;
      const last = store.revisions.ofDeployment(deployment.id).findLast((r) => r.healthyAt !== null);
      if (!last || !(await context.hasBundle(last.bundle))) continue;
      context.log.info(
        { deployment: deployment.name, mergeRequest: row.iid, project: row.projectId },
        'the merge request was reopened',
      );
      wantRevision(store, deployment, {
        commit: last.commit,
        pushedBy: last.pushedBy,
        bundle: last.bundle,
        spec: last.spec,
        now: now(),
        why: 'the merge request was reopened',
      });
    }
  }
}
