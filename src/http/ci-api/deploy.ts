import type { JobClaims, MergeRequestFacts } from '../../deployment/gitlab-facts.ts';
import { deploymentName, deploymentSlug, randomPart } from '../../deployment/naming.ts';
import { ProblemError } from '../../errors.ts';
import { deploymentFields } from '../../log.ts';
import type { DeploymentRow, MergeRequestRow } from '../../store/schema.ts';
import type { CiAnswer } from './answer.ts';
import { type BoundJob, bindJob, checkJobHead, READ_AGAIN_MS } from './bind-job.ts';
import type { CiContext } from './context.ts';
import { assertRoomToHold, readApproval } from './fork-approval.ts';
import { handOver, type JobValues, settleSetupVariables } from './hand-over.ts';
import type { DeployRequest } from './request.ts';

/** What a deploy job sends first: the component's inputs, and the values that these name. */
export type DeployCall = DeployRequest & { readonly values: JobValues };

/** First call of a deploy job: who it is, what it wants; its answer says whether the archive is wanted. Repeating it changes nothing. */
export async function beginDeploy(context: CiContext, claims: JobClaims, request: DeployCall): Promise<CiAnswer> {
  const { store } = context;
  if (request.event_type === 'merge_train') return mergeTrain(context, claims, request);
  const job = await bindJob(context, claims, {
    iid: request.merge_request_iid,
    projectId: request.merge_request_project_id,
    action: 'start',
  });
  const handed = handOver(context, request, { isFork: job.fork });
  const head = await checkJobHead(context, job);
  const read = head.decision === 'current' ? { ...job, mergeRequest: head.mergeRequest } : job;
  const deployment = store.transaction(() => findOrCreate(context, read, request));
  const url = context.previewUrl(deployment.name);
  if (head.decision === 'superseded') return { url, say: [head.message], exit: 0 };
  if (job.fork) {
    await readApproval(context, job, { mergeRequestId: deployment.mergeRequestId, sha: head.commit.sha });
    assertRoomToHold(context, deployment, head.commit.sha);
  }
  const row = store.jobs.record({
    id: claims.jobId,
    deploymentId: deployment.id,
    pipelineId: claims.pipelineId,
    commit: head.commit,
    pushedBy: job.pipeline.user?.name ?? claims.userLogin,
    directory: request.directory,
    timeoutMs: request.timeout,
    variables: request.variables,
    setupVariables: handed.setup.map(({ name }) => name),
    sealedVariables: handed.sealFor(deployment.name),
    createdAt: context.now(),
  });
  context.log.info(
    {
      decision: 'job',
      ...deploymentFields(deployment),
      job: claims.jobId,
      commit: head.commit.sha,
    },
    'a job wants to deploy',
  );
  context.setupVariables.keep(claims.jobId, handed.setup, context.now());
  if (row.revisionId !== null) {
    settleSetupVariables(context, claims.jobId);
    return { url, say: handed.say };
  }
  // Before the job packs and sends what would be refused.
  await context.checkRoom();
  return { url, say: handed.say, upload: true };
}

/** A merge train's pipeline tests what will be merged; what people review is the branch. Its URL is told to a pipeline of that merge request only. */
async function mergeTrain(context: CiContext, claims: JobClaims, request: DeployRequest): Promise<CiAnswer> {
  const { store, gitlab } = context;
  const say = ['This is a merge train: its pipelines do not deploy, and the preview stays as it is.'];
  const ref = `mr-${request.merge_request_iid}`;
  const deployment = store.deployments.find({ projectId: claims.runningProjectId, app: request.app, ref });
  if (!deployment) return { say, exit: 0 };
  const pipeline = await gitlab.pipeline(claims.runningProjectId, claims.pipelineId);
  const bound = pipeline.ref.startsWith(`refs/merge-requests/${request.merge_request_iid}/`);
  return { ...(bound ? { url: context.previewUrl(deployment.name) } : {}), say, exit: 0 };
}

function findOrCreate(context: CiContext, job: BoundJob, request: DeployRequest): DeploymentRow {
  const { store, now } = context;
  const { project, mergeRequest, claims } = job;
  const environmentName = claims.environment as string;
  const known = store.mergeRequests.find(project.id, mergeRequest.iid);
  const row = store.mergeRequests.record(mergeRequest, now());
  // Of one that was not known, a webhook during this call marked nothing; one that is open again may be a stale read, and so may be what
  // differs from a read that ended after this one began.
  const isDoubtful = known
    ? known.state !== mergeRequest.state || (known.readAt >= job.askedAt && isOther(known, mergeRequest))
    : context.heardOfStrangers.isMoreThan(mergeRequest);
  if (isDoubtful) store.work.mark(`merge-request:${row.id}`, 'merge-request', now() + READ_AGAIN_MS);
  const key = { projectId: project.id, app: request.app, ref: `mr-${mergeRequest.iid}` };
  // An environment is in the project where its job runs.
  const environmentProjectId = claims.runningProjectId === project.id ? null : claims.runningProjectId;
  const holders = store.deployments.withEnvironment(claims.runningProjectId, environmentName);
  const isOwn = (d: DeploymentRow) => d.projectId === key.projectId && d.app === key.app && d.ref === key.ref;
  const rival = holders.find((d) => d.phase !== 'stopped' && !isOwn(d));
  if (rival) {
    const whose = rival.ref === key.ref ? 'of this merge request' : `of !${rival.ref.slice('mr-'.length)}`;
    throw new ProblemError(
      'environment-taken',
      422,
      `The environment "${environmentName}" is already that of the app "${rival.app || '(unnamed)'}" ${whose}. ` +
        `Give each include of the component its own inputs "app", "job_prefix" and "environment_name"` +
        (rival.ref === key.ref ? '.' : ', and let "environment_name" contain $CI_MERGE_REQUEST_IID.'),
    );
  }
  const existing = store.deployments.find(key);
  if (existing) {
    // The input may change while the merge request is open: the job's own environment is the one that counts.
    const environment = { environmentName, environmentProjectId };
    if (existing.environmentName !== environmentName || existing.environmentProjectId !== environmentProjectId)
      store.deployments.update(existing.id, environment);
    return { ...existing, ...environment };
  }
  const name = deploymentName(
    mergeRequest.iid,
    request.app || (project.path.split('/').at(-1) ?? ''),
    randomPart(context.randomBytes(32)),
  );
  return store.deployments.create({
    ...key,
    name,
    slug: deploymentSlug(name),
    mergeRequestId: row.id,
    environmentName,
    environmentProjectId,
    wanted: 'running',
    phase: 'queued',
    wantedAt: now(),
    pipelineId: claims.pipelineId,
    createdAt: now(),
  });
}

function isOther(known: MergeRequestRow, read: MergeRequestFacts): boolean {
  const fields = ['headSha', 'title', 'targetBranch'] as const;
  return fields.some((field) => known[field] !== read[field]);
}
