import { mayRun } from '../deployment/forks.ts';
import type { MergeRequestFacts } from '../deployment/gitlab-facts.ts';
import type { RedeployRequest } from '../deployment/redeploy.ts';
import type { DeploymentRow, MergeRequestRow } from '../store/schema.ts';
import { wantRevision } from '../store/want.ts';
import { again, DONE, type Result } from './reconciler.ts';
import { askGitLab, lookForAnswer } from './redeploy-by-gitlab.ts';
import { type RedeployContext, settle } from './settle-redeploy.ts';

/**
 * Does what a recorded request asks for, once: the latest source of each app runs again. What is not here any more is asked of GitLab,
 * one app for each round; a new pipeline brings all of them.
 */
export async function redeploy(context: RedeployContext, facts: MergeRequestFacts, id: number): Promise<Result> {
  const { store } = context;
  for (;;) {
    const row = store.mergeRequests.get(id) as MergeRequestRow;
    const request = row.redeploy;
    if (request === null) return DONE;
    if (row.state !== 'opened' && row.state !== 'locked') {
      settle(context, row, { done: request.deploymentIds, outcome: 'not-open' });
    } else if (request.sent) {
      const waitMs = await lookForAnswer(context, row, request);
      if (waitMs !== undefined) return again(waitMs);
    } else if (unapproved(context, row, request).length > 0) {
      settle(context, row, { done: unapproved(context, row, request), outcome: 'needs-approval' });
    } else if (!(await runFromBundles(context, row, request))) {
      await askGitLab(context, facts, row, request);
    }
  }
}

/** Apps whose latest source is a fork's commit that nobody has approved: nobody brings them on but by naming it. */
function unapproved({ store }: RedeployContext, row: MergeRequestRow, request: RedeployRequest): number[] {
  return request.deploymentIds.filter((id) => {
    const latest = store.revisions.latest(id);
    return latest !== undefined && !mayRun(row, latest.commit.sha, 'approved');
  });
}

/** Runs what is still here; false where nothing of it is. */
async function runFromBundles(
  context: RedeployContext,
  row: MergeRequestRow,
  request: RedeployRequest,
): Promise<boolean> {
  const { store, now } = context;
  const found: number[] = [];
  for (const id of request.deploymentIds) {
    const latest = store.revisions.latest(id);
    if (latest && (await context.hasBundle(latest.bundle))) found.push(id);
  }
  if (found.length === 0) return false;
  store.transaction(() => {
    // Somebody may have taken it back while the disk was asked.
    const open = store.mergeRequests.get(row.id)?.redeploy?.deploymentIds ?? [];
    for (const id of found) {
      const latest = store.revisions.latest(id);
      if (!latest || !open.includes(id)) continue;
      wantRevision(store, store.deployments.get(id) as DeploymentRow, {
        commit: latest.commit,
        pushedBy: latest.pushedBy,
        bundle: latest.bundle,
        spec: latest.spec,
        sealedVariables: latest.sealedVariables,
        now: now(),
        why: `${request.by} asked for it`,
      });
    }
    settle(context, row, { done: found, outcome: 'taken' });
  });
  return true;
}
