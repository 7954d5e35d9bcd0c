import type { AppSpec } from '../../deployment/app-spec.ts';
import { isFork } from '../../deployment/forks.ts';
import type { JobClaims } from '../../deployment/gitlab-facts.ts';
import { formatBytes, formatDuration } from '../../deployment/units.ts';
import { ProblemError } from '../../errors.ts';
import type { DeploymentRow, JobRow, MergeRequestRow } from '../../store/schema.ts';
import { wantRevision } from '../../store/want.ts';
import type { CiAnswer } from './answer.ts';
import type { CiContext, ReceivedBundle } from './context.ts';
import { heldMessage } from './fork-approval.ts';
import { assertCommitsOwn } from './fork-files.ts';
import { sameVariables, settleSetupVariables } from './hand-over.ts';

/** Second call of a deploy job: the archive. The same job's archive is one revision, however often it is sent. */
export async function takeSource(
  context: CiContext,
  claims: JobClaims,
  upload: { readonly body: AsyncIterable<Uint8Array>; readonly declaredBytes?: number },
): Promise<CiAnswer> {
  const { store } = context;
  const job = store.jobs.get(claims.jobId);
  if (!job)
    throw new ProblemError(
      'no-such-job',
      409,
      'This job has not said what it wants to deploy. Use the jobs of the component branch-deployment.',
    );
  const deployment = store.deployments.get(job.deploymentId) as DeploymentRow;
  const mergeRequest = store.mergeRequests.get(deployment.mergeRequestId) as MergeRequestRow;
  const url = context.previewUrl(deployment.name);
  if (job.revisionId !== null) return { url, say: ['This job has sent its archive before.'] };

  assertHasVariables(job, mergeRequest);
  await context.checkRoom(upload.declaredBytes);
  const began = context.now();
  const bundle = await context.receiveBundle(
    upload.body,
    upload.declaredBytes === undefined ? {} : { declaredBytes: upload.declaredBytes },
  );
  let used = false;
  try {
    if (isFork(mergeRequest))
      await assertCommitsOwn(context, { projectId: mergeRequest.projectId, sha: claims.sha, tree: bundle.tree });
    const spec = await context.recogniseApp({
      tree: bundle.tree,
      directory: job.directory,
      timeoutMs: job.timeoutMs,
      variables: job.variables,
      setupVariables: job.setupVariables,
    });
    const answer = store.transaction(() => decide(context, job.id, bundle, spec));
    settleSetupVariables(context, job.id);
    used = answer.starts;
    const took = formatDuration(context.now() - began);
    return {
      url,
      say: [
        `Received ${bundle.entries} files and folders, ${formatBytes(bundle.unpackedBytes)} unpacked, in ${took}.`,
        ...answer.say,
      ],
      exit: answer.exit,
    };
  } finally {
    // Nothing brings a merged one back: its bundle may have been removed while these same files were on their way.
    const mayRun = ({ stopReason }: DeploymentRow) => stopReason !== 'merged' && stopReason !== 'deleted';
    const keepArchive = () => used || store.revisions.deploymentsOfBundle(bundle.digest).some(mayRun);
    await context.releaseBundle(bundle, { keepTree: used, keepArchive });
  }
}

/** They go when the deployment stops, which a merge request that is closed and reopened may do between the two calls of a job. */
function assertHasVariables(job: JobRow, mergeRequest: MergeRequestRow): void {
  const isOpen = mergeRequest.state === 'opened' || mergeRequest.state === 'locked';
  if (!isOpen || job.variables.length === 0 || job.sealedVariables !== null || isFork(mergeRequest)) return;
  throw new ProblemError(
    'variables-gone',
    409,
    'The deployment was stopped after this job began, and the variables that it had handed over were removed. Run this job again.',
  );
}

interface Decision {
  readonly say: readonly string[];
  readonly exit: 0 | 2 | undefined;
  /** Whether a new revision takes the unpacked tree. */
  readonly starts: boolean;
}

/** Which revision the job is about; read afresh, since an upload takes time and the world goes on. */
function decide(context: CiContext, jobId: number, bundle: ReceivedBundle, spec: AppSpec): Decision {
  const { store, now } = context;
  const job = store.jobs.get(jobId) as JobRow;
  const deployment = store.deployments.get(job.deploymentId) as DeploymentRow;
  if (job.revisionId !== null) return { say: [], exit: undefined, starts: false };
  const mergeRequest = store.mergeRequests.get(deployment.mergeRequestId) as MergeRequestRow;
  const { state } = mergeRequest;
  if (state !== 'opened' && state !== 'locked')
    return { say: [`The merge request is ${state} meanwhile: nothing is deployed.`], exit: 0, starts: false };
  if (deployment.pipelineId > job.pipelineId)
    return { say: ['A newer pipeline has deployed meanwhile: this one does nothing.'], exit: 0, starts: false };

  const latest = store.revisions.latest(deployment.id);
  const same =
    latest !== undefined &&
    latest.bundle === bundle.digest &&
    latest.commit.sha === job.commit.sha &&
    JSON.stringify(latest.spec) === JSON.stringify(spec) &&
    sameVariables(context, deployment, [latest.sealedVariables, job.sealedVariables]);
  store.deployments.update(deployment.id, { pipelineId: job.pipelineId });
  if (same && deployment.wanted === 'running' && latest.state !== 'failed' && latest.state !== 'superseded') {
    store.jobs.attach(job.id, latest.id);
    if (latest.state === 'held') return { say: heldMessage(mergeRequest, job.commit.sha), exit: 2, starts: false };
    const how = latest.state === 'queued' ? 'queued' : 'deployed';
    return {
      say: [`The same files of the same commit are ${how} already (revision ${latest.number}).`],
      exit: undefined,
      starts: false,
    };
  }
  const revision = wantRevision(store, deployment, {
    commit: job.commit,
    pushedBy: job.pushedBy,
    bundle: bundle.digest,
    spec,
    sealedVariables: job.sealedVariables,
    now: now(),
    why: `job ${job.id} of pipeline ${job.pipelineId}`,
  });
  store.jobs.attach(job.id, revision.id);
  if (revision.state === 'held') return { say: heldMessage(mergeRequest, job.commit.sha), exit: 2, starts: false };
  return { say: [], exit: undefined, starts: true };
}
