import type { JobClaims } from '../../deployment/gitlab-facts.ts';
import { JOB_ENDS_MS } from '../../deployment/job-end.ts';
import { judgeStopJob, type StopVerdict, whatOvertook } from '../../deployment/stop-job.ts';
import { deploymentFields } from '../../log.ts';
import type { DeploymentRow } from '../../store/schema.ts';
import { wantStopped } from '../../store/want.ts';
import type { CiAnswer } from './answer.ts';
import { type BoundJob, bindJob, READ_AGAIN_MS } from './bind-job.ts';
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
  const already: CiAnswer = { url, say: ['The branch deployment is stopped already, or about to be.'], exit: 0 };
  if (deployment.wanted === 'stopped') return already;
  const verdict = await judge(context, { claims, project, mergeRequest }, deployment);
  if ('overtaken' in verdict) {
    // The job's end has GitLab mark the environment stopped, while the preview goes on serving. Where it takes longer, the sweep finds it.
    store.work.mark(`deployment:${deployment.id}`, 'environment', now() + JOB_ENDS_MS);
    return { url, say: [verdict.overtaken], exit: 0 };
  }
  const { reason } = verdict;
  // While GitLab was asked, the merge request may have been read as closed.
  if (store.deployments.get(deployment.id)?.wanted === 'stopped') return already;
  store.transaction(() => {
    store.mergeRequests.record(mergeRequest, now());
    wantStopped(store, deployment, { reason, now: now() });
    // The webhook of the merge, the close or the reopen after it may be lost, or came before: a stopped deployment is looked at seldom.
    store.work.mark(`merge-request:${deployment.mergeRequestId}`, 'merge-request', now() + READ_AGAIN_MS);
  });
  context.log.info({ decision: 'stop-job', ...deploymentFields(deployment), job: claims.jobId, reason }, 'a stop job');
  return { url, say: ['The branch deployment is being removed.'], exit: 0 };
}

/** GitLab plays stop jobs on merge and on close too: then that is the reason. Asks for no more than it takes to know. */
async function judge(
  { gitlab, store }: CiContext,
  { claims, project, mergeRequest }: Pick<BoundJob, 'claims' | 'project' | 'mergeRequest'>,
  deployment: DeploymentRow,
): Promise<StopVerdict> {
  const { state } = mergeRequest;
  if (state === 'merged' || state === 'closed') return { reason: state };
  const { pipelineId } = claims;
  const older = whatOvertook({ pipelineId, queuedAt: null }, deployment);
  if (older !== undefined) return { overtaken: older };
  const job = { pipelineId, queuedAt: await gitlab.jobQueuedAt(claims.runningProjectId, claims.jobId) };
  const known = whatOvertook(job, deployment);
  if (known !== undefined) return { overtaken: known };
  const verdict = judgeStopJob(job, await gitlab.stateChanges(project.id, mergeRequest.iid));
  // While GitLab was asked, a push or a reopen may have come.
  const meanwhile = whatOvertook(job, store.deployments.get(deployment.id) ?? deployment);
  return meanwhile === undefined ? verdict : { overtaken: meanwhile };
}
