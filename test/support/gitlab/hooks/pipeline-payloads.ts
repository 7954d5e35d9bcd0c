import type { StandInGitLab } from '../stand-in.ts';
import type { Deployment, Environment, Job, Pipeline } from '../state.ts';
import { jobUrl, mergeRequestOf, mergeRequestUrl, pipelineUrl, projectPart, userPart } from './records.ts';

/** Pipeline Hook. */
export function pipelinePayload(gitlab: StandInGitLab, pipeline: Pipeline): Record<string, unknown> {
  const project = gitlab.project(pipeline.projectId);
  const mergeRequest = mergeRequestOf(gitlab, pipeline);
  return {
    object_kind: 'pipeline',
    object_attributes: {
      id: pipeline.id,
      iid: pipeline.iid,
      name: null,
      ref: mergeRequest?.sourceBranch ?? pipeline.ref,
      tag: false,
      sha: pipeline.sha,
      before_sha: '0'.repeat(40),
      source: pipeline.source,
      status: pipeline.status,
      detailed_status: pipeline.status,
      stages: [...new Set(pipeline.jobs.map(({ stage }) => stage))],
      created_at: pipeline.createdAt,
      finished_at: ['success', 'failed', 'canceled', 'skipped'].includes(pipeline.status)
        ? (pipeline.updatedAt ?? null)
        : null,
      duration: null,
      queued_duration: null,
      variables: [],
      url: pipelineUrl(gitlab, pipeline),
    },
    merge_request: mergeRequest
      ? {
          id: mergeRequest.id,
          iid: mergeRequest.iid,
          title: mergeRequest.title,
          source_branch: mergeRequest.sourceBranch,
          source_project_id: mergeRequest.sourceProjectId,
          target_branch: mergeRequest.targetBranch,
          target_project_id: mergeRequest.projectId,
          state: mergeRequest.state,
          merge_status: 'can_be_merged',
          detailed_merge_status: 'mergeable',
          url: mergeRequestUrl(gitlab, mergeRequest),
        }
      : null,
    user: userPart(gitlab.user(pipeline.userId)),
    project: projectPart(gitlab, project),
    commit: { id: pipeline.sha },
    builds: pipeline.jobs.map((job) => ({
      id: job.id,
      stage: job.stage,
      name: job.name,
      status: job.status,
      created_at: pipeline.createdAt,
      started_at: job.startedAt ?? null,
      finished_at: job.finishedAt ?? null,
      when: job.when,
      manual: job.when === 'manual',
      allow_failure: job.allowFailure,
      user: userPart(gitlab.user(job.userId ?? pipeline.userId)),
      runner: null,
      artifacts_file: { filename: null, size: null },
      environment:
        job.environmentName === null
          ? null
          : { name: job.environmentName, action: job.environmentAction, deployment_tier: job.deploymentTier ?? null },
    })),
  };
}

/** Job Hook; `commit.id` is the pipeline's id. */
export function jobPayload(gitlab: StandInGitLab, job: Job): Record<string, unknown> {
  const project = gitlab.project(job.projectId);
  const pipeline = gitlab.pipeline(job.pipelineId);
  return {
    object_kind: 'build',
    ref: mergeRequestOf(gitlab, pipeline)?.sourceBranch ?? pipeline.ref,
    tag: false,
    before_sha: '0'.repeat(40),
    sha: pipeline.sha,
    retries_count: 0,
    build_id: job.id,
    build_name: job.name,
    build_stage: job.stage,
    build_status: job.status,
    build_created_at: pipeline.createdAt,
    build_started_at: job.startedAt ?? null,
    build_finished_at: job.finishedAt ?? null,
    build_duration: null,
    build_allow_failure: job.allowFailure,
    build_failure_reason: job.status === 'failed' ? 'script_failure' : 'unknown_failure',
    pipeline_id: pipeline.id,
    project_id: project.id,
    project_name: project.path.replaceAll('/', ' / '),
    user: userPart(gitlab.user(job.userId ?? pipeline.userId)),
    commit: { id: pipeline.id, sha: pipeline.sha, status: pipeline.status },
    repository: { name: project.name, homepage: `${gitlab.url}/${project.path}` },
    project: projectPart(gitlab, project),
    environment:
      job.environmentName === null
        ? null
        : { name: job.environmentName, action: job.environmentAction, deployment_tier: job.deploymentTier ?? null },
  };
}

/** Deployment Hook. */
export function deploymentPayload(
  gitlab: StandInGitLab,
  deployment: Deployment,
  environment: Environment,
): Record<string, unknown> {
  const project = gitlab.project(deployment.projectId);
  return {
    object_kind: 'deployment',
    status: deployment.status,
    status_changed_at: deployment.updatedAt,
    deployment_id: deployment.id,
    deployable_id: deployment.jobId,
    deployable_url: deployment.jobId === null ? null : jobUrl(gitlab, gitlab.job(deployment.jobId)),
    environment: environment.name,
    environment_tier: environment.tier,
    environment_slug: environment.slug,
    environment_external_url: environment.externalUrl,
    project: projectPart(gitlab, project),
    short_sha: deployment.sha.slice(0, 8),
    user: userPart(gitlab.user(deployment.userId)),
    user_url: `${gitlab.url}/${gitlab.user(deployment.userId).username}`,
    commit_url: `${gitlab.url}/${project.path}/-/commit/${deployment.sha}`,
    commit_title: '',
    ref: deployment.ref,
  };
}
