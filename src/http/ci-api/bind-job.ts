import { setTimeout as sleep } from 'node:timers/promises';
import {
  checkHead,
  checkJobClaims,
  checkOpen,
  checkPipeline,
  parseMergeRequestRef,
  type Refusal,
} from '../../deployment/binding.ts';
import { isFork } from '../../deployment/forks.ts';
import type {
  CommitFacts,
  JobClaims,
  MergeRequestFacts,
  PipelineFacts,
  ProjectFacts,
} from '../../deployment/gitlab-facts.ts';
import { isAllowedProject } from '../../deployment/naming.ts';
import { ProblemError } from '../../errors.ts';
import type { CiContext } from './context.ts';
import { findForksPipeline, notOfMergeRequest } from './forks-pipeline.ts';

const HEAD_POLL_MS = 1_000;
/** When to read a merge request again that a job has just had read: by then a copy of GitLab's that lags behind has caught up. */
export const READ_AGAIN_MS = 2_000;

/** What a job was found to belong to. */
export interface BoundJob {
  readonly claims: JobClaims;
  /** The target project, which is asked for everything: the pipeline may run in a fork. */
  readonly project: ProjectFacts;
  readonly mergeRequest: MergeRequestFacts;
  /** When GitLab was asked about the merge request; ms. */
  readonly askedAt: number;
  readonly pipeline: PipelineFacts;
  /** Its code is not the project's own: it runs only where its commit is approved, and is never handed variables of the project's. */
  readonly fork: boolean;
}

interface BindRequest {
  readonly iid: number;
  /** The target project, as the job says; else it is the one that runs the job. */
  readonly projectId: number | undefined;
  readonly action: 'start' | 'stop';
}

/**
 * Binds a job to the merge request that it names. The proof is read from GitLab by the token's `pipeline_id`: the pipeline's ref, and where
 * it runs in a fork the list of the merge request's pipelines. Nothing of a project is told to a job that is not bound to it.
 * @throws {ProblemError} 403 where the token is not of such a job, the project is not allowed, or the merge request is another one's
 */
export async function bindJob(context: CiContext, claims: JobClaims, request: BindRequest): Promise<BoundJob> {
  const { gitlab } = context;
  assertNot(checkJobClaims(claims, request.action));
  const targetId = request.projectId ?? claims.runningProjectId;
  const runsInFork = targetId !== claims.runningProjectId;
  if (runsInFork) assertForks(context, request.iid);
  const bound = runsInFork ? await findForksPipeline(context, claims, { targetId, iid: request.iid }) : undefined;
  const project = await gitlab.project(targetId);
  assertAllowed(context, project);
  const pipeline = bound ?? (await gitlab.pipeline(project.id, claims.pipelineId));
  if (!runsInFork) assertNot(checkPipeline(pipeline, request.iid));
  const askedAt = context.now();
  const mergeRequest = await gitlab.mergeRequest(project.id, request.iid);
  if (mergeRequest === null)
    throw new ProblemError(
      'no-such-merge-request',
      403,
      `Merge request !${request.iid} was not found in ${project.path}.`,
    );
  // Projects are remembered for a while; this one may have been moved since.
  assertAllowed(context, { id: project.id, path: mergeRequest.projectPath });
  const fork = isFork(mergeRequest);
  if (fork || claims.projectId !== claims.runningProjectId) assertForks(context, request.iid);
  if (runsInFork && mergeRequest.sourceProjectId !== claims.runningProjectId)
    throw notOfMergeRequest(claims, { targetId, iid: request.iid });
  if (!fork && claims.projectId !== claims.runningProjectId) {
    throw new ProblemError(
      'fork',
      403,
      `The ID token says that the code is of project ${claims.projectId}, and GitLab says that !${request.iid} comes from project ${project.id} itself: nothing is deployed.`,
    );
  }
  return { claims, project, mergeRequest, askedAt, pipeline, fork };
}

/** Whether the job's commit is the one to deploy now. */
export type HeadDecision =
  /** `mergeRequest` is as it was read last. */
  | { readonly decision: 'current'; readonly commit: CommitFacts; readonly mergeRequest: MergeRequestFacts }
  | { readonly decision: 'superseded'; readonly message: string };

/**
 * Finds the branch's commit that the pipeline runs (for merged results the parent that is the branch's), and compares it with the
 * merge request's head; a head that lags behind is read again for a while.
 * @throws {ProblemError} 403 where the merge request is not open, or its head stays another one
 */
export async function checkJobHead(context: CiContext, job: BoundJob): Promise<HeadDecision> {
  const { project, pipeline } = job;
  const kind = parseMergeRequestRef(pipeline.ref)?.kind;
  const parents = kind === 'merge' ? (await context.gitlab.commit(project.id, pipeline.sha)).parentShas : [];
  const patience = context.now() + context.headPatienceMs;
  for (
    let mergeRequest = job.mergeRequest;
    ;
    mergeRequest = (await context.gitlab.mergeRequest(project.id, mergeRequest.iid)) ?? mergeRequest
  ) {
    assertNot(checkOpen(mergeRequest));
    const sha =
      kind === 'merge'
        ? (parents.find((parent) => parent === mergeRequest.headSha) ?? parents[1] ?? pipeline.sha)
        : pipeline.sha;
    const all =
      sha === mergeRequest.headSha ? [] : await context.gitlab.mergeRequestPipelines(project.id, mergeRequest.iid);
    const head = checkHead(sha, mergeRequest, { own: pipeline.id, all });
    if (head.decision === 'superseded') return head;
    if (head.decision === 'current') {
      const commit = await context.gitlab.commit(project.id, sha);
      const [mergedInto] = parents.filter((parent) => parent !== sha);
      return {
        decision: 'current',
        commit: mergedInto === undefined ? commit : { ...commit, mergedInto },
        mergeRequest,
      };
    }
    if (context.now() >= patience) {
      throw new ProblemError(
        'not-the-head',
        403,
        `This pipeline runs commit ${sha.slice(0, 8)}, and the head of !${mergeRequest.iid} is ${mergeRequest.headSha.slice(0, 8)}. Only the head is deployed: run a new pipeline for it.`,
      );
    }
    await sleep(Math.min(HEAD_POLL_MS, context.headPatienceMs));
  }
}

function assertForks(context: CiContext, iid: number): void {
  if (context.forks !== 'never') return;
  const message = `Merge request !${iid} comes from a fork: its code does not run here (BD_FORKS=never).`;
  throw new ProblemError('fork', 403, message);
}

function assertAllowed(context: CiContext, project: Pick<ProjectFacts, 'id' | 'path'>): void {
  if (isAllowedProject(context.allowedProjects, project)) return;
  throw new ProblemError(
    'project-not-allowed',
    403,
    `The project ${project.path} (id ${project.id}) may not use this service. Its operator can add it to BD_ALLOWED_PROJECTS.`,
  );
}

function assertNot(refusal: Refusal | undefined): void {
  if (refusal) throw new ProblemError(refusal.type, 403, refusal.message);
}
