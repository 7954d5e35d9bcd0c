import { jobPayload, pipelinePayload } from '../hooks/pipeline-payloads.ts';
import type { Readers } from '../readers.ts';
import type { StandInGitLab } from '../stand-in.ts';
import type { Job, JobStatus, MergeRequest, Pipeline, Project, User } from '../state.ts';

export interface PipelineOptions {
  /** Where it runs: of a fork's merge request the fork. */
  readonly project: Project;
  readonly sha: string;
  readonly ref: string;
  /** `merge_request_event`, `push`, … */
  readonly source: string;
  readonly user: User;
  readonly mergeRequest?: MergeRequest | undefined;
}

/** What is left out or undefined gets a default. */
export type JobOptions = Pick<Job, 'name' | 'stage'> & {
  readonly [Key in Exclude<keyof Job, 'id' | 'pipelineId' | 'projectId' | 'name' | 'stage'>]?: Job[Key] | undefined;
};

export function createPipeline(gitlab: StandInGitLab, options: PipelineOptions): Pipeline {
  const pipeline: Pipeline = {
    id: gitlab.nextId(),
    iid: gitlab.state.pipelines.filter(({ projectId }) => projectId === options.project.id).length + 1,
    projectId: options.project.id,
    sha: options.sha,
    ref: options.ref,
    source: options.source,
    status: 'created',
    userId: options.user.id,
    mergeRequestIid: options.mergeRequest?.iid ?? null,
    ...(options.mergeRequest && { mergeRequestId: options.mergeRequest.id, sourceSha: options.mergeRequest.sha }),
    createdAt: gitlab.time(),
    jobs: [],
  };
  gitlab.state.pipelines.push(pipeline);
  return pipeline;
}

export function addJob(gitlab: StandInGitLab, pipeline: Pipeline, options: JobOptions): Job {
  const job: Job = {
    id: gitlab.nextId(),
    pipelineId: pipeline.id,
    projectId: pipeline.projectId,
    name: options.name,
    stage: options.stage,
    status: options.status ?? 'created',
    when: options.when ?? 'on_success',
    allowFailure: options.allowFailure ?? false,
    exitCode: options.exitCode ?? null,
    trace: options.trace ?? '',
    environmentName: options.environmentName ?? null,
    environmentAction: options.environmentAction ?? null,
    userId: options.userId ?? pipeline.userId,
    ...(options.deploymentTier !== undefined && { deploymentTier: options.deploymentTier }),
  };
  pipeline.jobs.push(job);
  return job;
}

export function setPipelineStatus(gitlab: StandInGitLab, pipeline: Pipeline, status: JobStatus): void {
  pipeline.status = status;
  pipeline.updatedAt = gitlab.time();
  gitlab.emit({ projectId: pipeline.projectId, name: 'Pipeline Hook', payload: pipelinePayload(gitlab, pipeline) });
}

export function setJobStatus(
  gitlab: StandInGitLab,
  job: Job,
  change: { readonly status: JobStatus; readonly exitCode?: number },
): void {
  job.status = change.status;
  if (change.exitCode !== undefined) job.exitCode = change.exitCode;
  if (change.status === 'running') job.startedAt = gitlab.time();
  if (['success', 'failed', 'canceled'].includes(change.status)) job.finishedAt = gitlab.time();
  gitlab.emit({ projectId: job.projectId, name: 'Job Hook', payload: jobPayload(gitlab, job) });
}

export function findPipeline(gitlab: Readers, id: number): Pipeline {
  const pipeline = gitlab.state.pipelines.find((other) => other.id === id);
  if (!pipeline) throw new Error(`The stand-in GitLab has no pipeline ${id}.`);
  return pipeline;
}

export function findJob(gitlab: Readers, id: number): Job {
  for (const { jobs } of gitlab.state.pipelines) {
    const job = jobs.find((other) => other.id === id);
    if (job) return job;
  }
  throw new Error(`The stand-in GitLab has no job ${id}.`);
}

/** Whether a pipeline is one of this merge request: its own ones, wherever they run, and the branch's for the same commit. */
export function belongsTo(pipeline: Pipeline, mergeRequest: MergeRequest): boolean {
  if (pipeline.mergeRequestId !== undefined) return pipeline.mergeRequestId === mergeRequest.id;
  if (pipeline.mergeRequestIid !== null) {
    return pipeline.mergeRequestIid === mergeRequest.iid && pipeline.projectId === mergeRequest.projectId;
  }
  return (
    pipeline.projectId === mergeRequest.sourceProjectId &&
    pipeline.ref === mergeRequest.sourceBranch &&
    pipeline.sha === mergeRequest.sha
  );
}

/** Pipelines of a merge request, newest first. */
export function mergeRequestPipelines(gitlab: StandInGitLab, mergeRequest: MergeRequest): Pipeline[] {
  return gitlab.state.pipelines.filter((pipeline) => belongsTo(pipeline, mergeRequest)).reverse();
}

/** `actual_head_pipeline`: the newest one for the merge request's current head. */
export function headPipeline(gitlab: StandInGitLab, mergeRequest: MergeRequest): Pipeline | undefined {
  return mergeRequestPipelines(gitlab, mergeRequest).find(
    ({ sha, sourceSha }) => (sourceSha ?? sha) === mergeRequest.sha,
  );
}
