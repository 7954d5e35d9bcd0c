import { isFork } from '../deployment/forks.ts';
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
    if (facts.state !== 'opened' && facts.state !== 'locked') {
      settle(context, row, { done: request.deploymentIds, outcome: 'not-open' });
    } else if (request.sent) {
      const waitMs = await lookForAnswer(context, row, request);
      if (waitMs !== undefined) return again(waitMs);
    } else if (!(await runFromBundles(context, facts, row, request))) {
      await askGitLab(context, facts, row, request);
    }
  }
}

/** Runs what is still here; false where nothing of it is. */
async function runFromBundles(
  context: RedeployContext,
  facts: MergeRequestFacts,
  row: MergeRequestRow,
  request: RedeployRequest,
): Promise<boolean> {
  const { store, now } = context;
  const found: number[] = [];
  for (const id of request.deploymentIds) {
    const latest = store.revisions.latest(id);
    // Of a fork only the commit that somebody allowed (README, "Trust").
    const mayRun = !isFork(facts) || row.approvedSha === latest?.commit.sha;
    if (latest && mayRun && (await context.hasBundle(latest.bundle))) found.push(id);
  }
  if (found.length === 0) return false;
  store.transaction(() => {
    for (const id of found) {
      const latest = store.revisions.latest(id);
      if (!latest) continue;
      wantRevision(store, store.deployments.get(id) as DeploymentRow, {
        commit: latest.commit,
        pushedBy: latest.pushedBy,
        bundle: latest.bundle,
        spec: latest.spec,
        now: now(),
        why: `${request.by} asked for it`,
      });
    }
    settle(context, row, { done: found, outcome: 'taken' });
  });
  return true;
}
