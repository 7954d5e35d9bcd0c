import { ApiRefusal } from '../api-refusal.ts';
import { deploymentPayload } from '../hooks/pipeline-payloads.ts';
import type { StandInGitLab } from '../stand-in.ts';
import type { Deployment, Environment, Job } from '../state.ts';
import { ensureEnvironment, setExternalUrl, urlFault } from './environments.ts';

export interface StartOptions {
  readonly tier?: string;
  /** Name of the stop job in the same pipeline. */
  readonly onStop?: string | null;
}

/** A job with `action: start` starts: its environment (made where it is new) becomes available. */
export function startDeployment(gitlab: StandInGitLab, job: Job, options: StartOptions): Deployment {
  const pipeline = gitlab.pipeline(job.pipelineId);
  if (job.environmentName === null) throw new Error(`Job ${job.name} has no environment.`);
  const environment = ensureEnvironment(gitlab, job.projectId, {
    name: job.environmentName,
    ...(options.tier && { tier: options.tier }),
  });
  environment.onStop = options.onStop ? { pipelineId: pipeline.id, job: options.onStop } : null;
  return recordDeployment(gitlab, environment, {
    ref: pipeline.ref,
    sha: pipeline.sha,
    status: 'running',
    jobId: job.id,
    userId: job.userId ?? pipeline.userId,
  });
}

/** A new deployment with all that follows from its status. */
export function recordDeployment(
  gitlab: StandInGitLab,
  environment: Environment,
  options: Pick<Deployment, 'ref' | 'sha' | 'status' | 'jobId' | 'userId'>,
): Deployment {
  const deployment: Deployment = {
    ...options,
    id: gitlab.nextId(),
    iid: gitlab.state.deployments.filter(({ projectId }) => projectId === environment.projectId).length + 1,
    projectId: environment.projectId,
    environmentId: environment.id,
    status: 'created',
    createdAt: gitlab.time(),
    updatedAt: gitlab.time(),
  };
  gitlab.state.deployments.push(deployment);
  setDeploymentStatus(gitlab, deployment, { status: options.status });
  return deployment;
}

/** Sets the status; `externalUrl` counts on success only, and one that GitLab would not take leaves the old one in place. */
export function setDeploymentStatus(
  gitlab: StandInGitLab,
  deployment: Deployment,
  change: { readonly status: Deployment['status']; readonly externalUrl?: string | null },
): void {
  const environment = gitlab.state.environments.find(({ id }) => id === deployment.environmentId);
  if (!environment) throw new ApiRefusal(404, { message: '404 Environment Not Found' });
  deployment.status = change.status;
  deployment.updatedAt = gitlab.time();
  if (change.status === 'running' || change.status === 'success') environment.state = 'available';
  if (change.status === 'success' && change.externalUrl != null && urlFault(change.externalUrl) === undefined) {
    setExternalUrl(gitlab, environment, change.externalUrl);
  }
  // A deployment by the API has no job, so no stop job either: stopping plays nothing from then on.
  if (change.status === 'success' && deployment.jobId === null) environment.onStop = null;
  if (change.status === 'created') return;
  gitlab.emit({
    projectId: deployment.projectId,
    name: 'Deployment Hook',
    payload: deploymentPayload(gitlab, deployment, environment),
  });
}
