import { isFork } from '../deployment/forks.ts';
import type { MergeRequestFacts } from '../deployment/gitlab-facts.ts';
import { decideFallback, headPipeline, type RedeployCall, type RedeployRequest } from '../deployment/redeploy.ts';
import { GitLabError } from '../errors.ts';
import type { MergeRequestRow } from '../store/schema.ts';
import { type RedeployContext, settle } from './settle-redeploy.ts';

/** GitLab ends its own work on a request after a minute (`GITLAB_RAILS_RACK_TIMEOUT`): what is not there then does not come any more. */
const GITLAB_WORKS_MS = 60_000;
const LOOK_MS = 5_000;

/** Has GitLab bring the code of the first app again. What it answers is settled here; where its answer is lost, the request stays. */
export async function askGitLab(
  context: RedeployContext,
  facts: MergeRequestFacts,
  row: MergeRequestRow,
  request: RedeployRequest,
): Promise<void> {
  const { store, gitlab, now } = context;
  const [deploymentId] = request.deploymentIds as [number];
  // GitLab would run the fork's code with the project's own variables, and a push may come between our look and its start.
  if (isFork(facts)) return settle(context, row, { done: request.deploymentIds, outcome: 'fork' });
  const pipelines = await gitlab.mergeRequestPipelines(row.projectId, row.iid);
  const head = headPipeline(pipelines, facts.headSha);
  const own = head ? store.jobs.ofPipeline(deploymentId, head.id) : [];
  const jobs = head && own.length > 0 ? await gitlab.pipelineJobs(head.projectId, head.id) : [];
  const next = decideFallback({ head, jobs, own });
  if (next.step === 'under-way') return settle(context, row, { done: [deploymentId], outcome: 'taken' });
  if (next.step === 'retry' && head) {
    const { id, name } = next.job;
    const call = {
      kind: 'retry',
      projectId: head.projectId,
      pipelineId: head.id,
      job: name,
      after: id,
      at: now(),
    } as const;
    const answer = await send(context, row, call, () => gitlab.retryJob(head.projectId, id));
    if (answer === 'dropped') return;
    if (answer === 'done') return settle(context, row, { done: [deploymentId], outcome: 'taken' });
    // GitLab retries no job of an archived pipeline, and none that it takes for outdated.
  }
  const call = { kind: 'pipeline', after: pipelines[0]?.id ?? 0, at: now() } as const;
  const answer = await send(context, row, call, () => gitlab.createMergeRequestPipeline(row.projectId, row.iid));
  if (answer === 'dropped') return;
  if (answer === 'done') return settle(context, row, { done: request.deploymentIds, outcome: 'taken' });
  settle(context, row, { done: request.deploymentIds, outcome: 'no-pipeline', why: answer.message });
}

/**
 * Whether what GitLab was asked for has come; then the request is settled, and where it surely will not come any more, the request is
 * open again.
 * @returns how long to wait before the next look; undefined where there is nothing to wait for
 */
export async function lookForAnswer(
  context: RedeployContext,
  row: MergeRequestRow,
  request: RedeployRequest,
): Promise<number | undefined> {
  const { store, gitlab, now } = context;
  const sent = request.sent as RedeployCall;
  const found =
    sent.kind === 'pipeline'
      ? (await gitlab.mergeRequestPipelines(row.projectId, row.iid)).some(
          ({ id, source }) => id > sent.after && source === 'merge_request_event',
        )
      : (await gitlab.pipelineJobs(sent.projectId, sent.pipelineId)).some(
          ({ id, name }) => id > sent.after && name === sent.job,
        );
  if (found) {
    const done = sent.kind === 'pipeline' ? request.deploymentIds : request.deploymentIds.slice(0, 1);
    settle(context, row, { done, outcome: 'taken' });
    return undefined;
  }
  const leftMs = sent.at + GITLAB_WORKS_MS + context.readLagMs - now();
  if (leftMs > 0) return Math.min(leftMs, LOOK_MS);
  const { sent: _, ...open } = request;
  store.mergeRequests.update(row.id, { redeploy: open });
  return undefined;
}

/**
 * Asks GitLab for something that it would do twice.
 * @returns GitLab's refusal where it refused; `dropped` where somebody took the request back, and nothing was asked
 * @throws where nobody knows what it did, or where it makes sense to ask again later
 */
async function send(
  context: RedeployContext,
  row: MergeRequestRow,
  call: RedeployCall,
  ask: () => Promise<unknown>,
): Promise<'done' | 'dropped' | GitLabError> {
  if (!record(context, row, call)) return 'dropped';
  try {
    await ask();
    return 'done';
  } catch (error) {
    const status = error instanceof GitLabError ? (error.status ?? 0) : 0;
    if (status < 400 || status >= 500) throw error;
    record(context, row, undefined);
    if (status === 401 || status === 429) throw error;
    return error as GitLabError;
  }
}

/** False where there is no request any more. */
function record({ store }: RedeployContext, row: MergeRequestRow, sent: RedeployCall | undefined): boolean {
  return store.transaction(() => {
    const request = store.mergeRequests.get(row.id)?.redeploy;
    if (!request) return false;
    const { sent: _, ...open } = request;
    store.mergeRequests.update(row.id, { redeploy: sent ? { ...open, sent } : open });
    return true;
  });
}
