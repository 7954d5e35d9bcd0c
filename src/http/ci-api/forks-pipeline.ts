import { setTimeout as sleep } from 'node:timers/promises';
import type { JobClaims, PipelineFacts } from '../../deployment/gitlab-facts.ts';
import { GitLabError, ProblemError } from '../../errors.ts';
import type { CiContext } from './context.ts';

/** GitLab's reads may be stale for a moment after it made a pipeline. */
const TRIES = 3;
const TRY_AGAIN_MS = 1_000;

interface Target {
  readonly targetId: number;
  readonly iid: number;
}

/**
 * The pipeline of a job that runs in a fork, from the target's own list of that merge request's pipelines: there its ref is a branch of the
 * fork, which proves nothing.
 * @throws {ProblemError} 403 where it is not in the list
 */
export async function findForksPipeline(context: CiContext, claims: JobClaims, target: Target): Promise<PipelineFacts> {
  for (let tries = 1; ; tries++) {
    const listed = await listPipelines(context, target);
    const found = listed.find(({ id, projectId }) => id === claims.pipelineId && projectId === claims.runningProjectId);
    if (found) return found;
    if (tries === TRIES) throw notOfMergeRequest(claims, target);
    await sleep(Math.min(TRY_AGAIN_MS, context.headPatienceMs));
  }
}

/** A project that the service's user cannot see and one that has no such merge request are the same to whoever asks. */
async function listPipelines(context: CiContext, { targetId, iid }: Target): Promise<readonly PipelineFacts[]> {
  try {
    return await context.gitlab.mergeRequestPipelines(targetId, iid);
  } catch (error) {
    if (error instanceof GitLabError && (error.failure === 'not-found' || error.failure === 'forbidden')) return [];
    throw error;
  }
}

/** Says ids only: who asks is not known to belong to that project. */
export function notOfMergeRequest(claims: JobClaims, { targetId, iid }: Target): ProblemError {
  return new ProblemError(
    'wrong-merge-request',
    403,
    `Pipeline ${claims.pipelineId} of project ${claims.runningProjectId} is not among the pipelines of merge request !${iid} of project ${targetId}, as far as ` +
      "GitLab shows them to the service. GitLab shows a private fork's pipelines to its members only: add the service's user to the fork as a Reporter, " +
      'or let a member of the target project run the pipeline there (Pipelines, Run pipeline).',
  );
}
