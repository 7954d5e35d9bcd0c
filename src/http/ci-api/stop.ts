import type { JobClaims } from '../../deployment/gitlab-facts.ts';
import { JOB_ENDS_MS } from '../../deployment/job-end.ts';
import { deploymentFields } from '../../log.ts';
import type { DeploymentRow } from '../../store/schema.ts';
import { wantStopped } from '../../store/want.ts';
import type { CiAnswer } from './answer.ts';
import { bindJob } from './bind-job.ts';
import type { CiContext } from './context.ts';
import type { StopRequest } from './request.ts';

/** The stop job: somebody pressed the button, or GitLab ends the environment. Obeyed unless something newer was deployed since. */
export async function stopDeployment(context: CiContext, claims: JobClaims, request: StopRequest): Promise<CiAnswer> {
  const { store, now } = context;
  const { project, mergeRequest } = await bindJob(context, claims, {
    iid: request.merge_request_iid,
    projectId: request.merge_request_project_id,
    action: 'stop',
  });
  const deployment = store.deployments.find({ projectId: project.id, app: request.app, ref: `mr-${mergeRequest.iid}` });
  if (!deployment) return { say: ['There is no branch deployment of this merge request: nothing to stop.'], exit: 0 };
  const url = context.previewUrl(deployment.name);
  if (deployment.wanted === 'stopped')
    return { url, say: ['The branch deployment is stopped already, or about to be.'], exit: 0 };
  const ended = mergeRequest.state === 'merged' || mergeRequest.state === 'closed';
  const newer = ended ? undefined : await somethingNewer(context, claims, deployment);
  if (newer !== undefined) {
    // The job's end has GitLab mark the environment stopped, while the preview goes on serving. Where it takes longer, the sweep finds it.
    store.work.mark(`deployment:${deployment.id}`, 'environment', now() + JOB_ENDS_MS);
    return { url, say: [newer], exit: 0 };
  }
  // GitLab plays stop jobs on merge and on close too: then that is the reason.
  const reason = ended ? mergeRequest.state : 'undeployed';
  store.mergeRequests.record(mergeRequest, now());
  wantStopped(store, deployment, { reason, now: now() });
  // The webhook of the merge or close may be lost, and a stopped deployment is looked at seldom.
  store.work.mark(`merge-request:${deployment.mergeRequestId}`, 'merge-request', now());
  context.log.info({ decision: 'stop-job', ...deploymentFields(deployment), job: claims.jobId, reason }, 'a stop job');
  return { url, say: ['The branch deployment is being removed.'], exit: 0 };
}

/** What came after this stop job was queued, in a sentence; undefined where nothing did. */
async function somethingNewer(
  context: CiContext,
  claims: JobClaims,
  deployment: DeploymentRow,
): Promise<string | undefined> {
  if (claims.pipelineId < deployment.pipelineId) {
    return `A newer pipeline (${deployment.pipelineId}) has deployed since: this stop job is of an older one (${claims.pipelineId}) and does nothing.`;
  }
  const queuedAt = await context.gitlab.jobQueuedAt(claims.runningProjectId, claims.jobId);
  if (queuedAt === null || deployment.wantedAt <= queuedAt) return undefined;
  return 'The branch was deployed again after this stop job was queued (a push, a reopen or /deploy): the job does nothing.';
}
