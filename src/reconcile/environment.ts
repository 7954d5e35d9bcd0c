import { JOB_ENDS_MS } from '../deployment/job-end.ts';
import { GitLabError } from '../errors.ts';
import type { GitLab } from '../gitlab/gitlab.ts';
import { deploymentFields, type Log } from '../log.ts';
import type { DeploymentRow, MergeRequestRow } from '../store/schema.ts';
import type { Store } from '../store/store.ts';
import { isUnreadable, suspecting } from './read-truth.ts';
import { again, DONE, type Reconciler, type Result } from './reconciler.ts';

const STOP_CHECK_MS = 2_000;

/** Keeps GitLab's environment right: its link while the preview serves, stopped once the deployment is. */
export function environmentReconciler(context: {
  readonly store: Store;
  readonly gitlab: GitLab;
  readonly log: Log;
  readonly now: () => number;
  previewUrl(name: string): string;
}): Reconciler {
  const { store, gitlab, log } = context;
  return {
    kind: 'environment',
    async reconcile(id) {
      const deployment = store.deployments.get(id);
      const row = deployment && store.mergeRequests.get(deployment.mergeRequestId);
      if (!deployment || !row || isUnreadable(row)) return DONE;
      if (deployment.environmentProjectId !== null)
        return whereVisible(context, deployment, () => keepRight(deployment, row));
      return suspecting(context, row, () => keepRight(deployment, row));
    },
  };

  async function keepRight(deployment: DeploymentRow, row: MergeRequestRow): Promise<Result> {
    if (deployment.wanted === 'stopped') return deployment.phase === 'stopped' ? stop(deployment) : DONE;
    // After a push that failed the one before goes on serving, so the link stays right.
    return deployment.phase === 'running' || deployment.phase === 'failed' ? link(deployment, row) : DONE;
  }

  async function stop(deployment: DeploymentRow): Promise<Result> {
    const environment = await gitlab.environment(projectOf(deployment), deployment.environmentName);
    if (environment === null || environment.state === 'stopped') return DONE;
    await gitlab.stopEnvironment(projectOf(deployment), environment.id);
    say(deployment, 'environment-stopped', 'the environment is stopped');
    return again(STOP_CHECK_MS);
  }

  async function link(deployment: DeploymentRow, row: MergeRequestRow): Promise<Result> {
    const live = deployment.liveRevisionId === null ? undefined : store.revisions.get(deployment.liveRevisionId);
    const environment = await gitlab.environment(projectOf(deployment), deployment.environmentName);
    // The first deploy job makes it.
    if (!live || environment === null) return DONE;
    if (environment.state === 'stopped') {
      // A deploy job's end brings it back. Still stopped after that: an older pipeline's stop job, or somebody's click, did it.
      const jobEndsAt = store.jobs.hasRevision(live.id) ? (live.healthyAt ?? 0) + JOB_ENDS_MS : 0;
      if (context.now() < jobEndsAt) return again(jobEndsAt - context.now());
      // A ref of the target project, which a fork's or a deleted branch is not; in the fork the branch is all there is.
      await gitlab.createDeployment(projectOf(deployment), {
        environment: environment.name,
        sha: live.commit.sha,
        ref: deployment.environmentProjectId === null ? `refs/merge-requests/${row.iid}/head` : row.sourceBranch,
      });
      say(deployment, 'environment-available', 'the environment is available again');
    }
    const url = context.previewUrl(deployment.name);
    if (environment.externalUrl !== url) {
      await gitlab.setEnvironmentUrl(projectOf(deployment), environment.id, url);
      say(deployment, 'environment-linked', 'the environment links to the preview');
    }
    return DONE;
  }

  function say(deployment: DeploymentRow, decision: string, message: string): void {
    log.info({ decision, ...deploymentFields(deployment), environment: deployment.environmentName }, message);
  }
}

function projectOf(deployment: DeploymentRow): number {
  return deployment.environmentProjectId ?? deployment.projectId;
}

/** Missing rights, a project that is not shown, or (400) a branch of the fork that is gone: trying again changes nothing. */
function isRefusal(error: unknown): error is GitLabError {
  return (
    error instanceof GitLabError &&
    (error.failure === 'forbidden' || error.failure === 'not-found' || error.status === 400)
  );
}

const OUT_OF_REACH = 'environment-out-of-reach';

/** In a fork the service's user has the rights that the fork gives it, perhaps none. Said once, and nothing else depends on it. */
async function whereVisible(
  context: { readonly store: Store; readonly log: Log; readonly now: () => number },
  deployment: DeploymentRow,
  act: () => Promise<Result>,
): Promise<Result> {
  try {
    return await act();
  } catch (error) {
    if (!isRefusal(error)) throw error;
    const { store } = context;
    if (store.events.ofDeployment(deployment.id).some(({ type }) => type === OUT_OF_REACH)) return DONE;
    const project = deployment.environmentProjectId;
    const message =
      `The environment "${deployment.environmentName}" is in the fork (project ${project}), where GitLab does not let the service's user change it: ` +
      'its link and its end are left to GitLab. As a Developer of the fork the user could keep them right.';
    context.log.warn(
      { decision: OUT_OF_REACH, ...deploymentFields(deployment), fork: project, error: error.message },
      'an environment of a fork is out of reach',
    );
    const { id, mergeRequestId } = deployment;
    store.events.add({ at: context.now(), type: OUT_OF_REACH, message, deploymentId: id, mergeRequestId });
    return DONE;
  }
}
