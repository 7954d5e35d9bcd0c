import { headPipeline } from '../acts/pipelines.ts';
import { findEnvironment, jobUrl, mergeRequestUrl, pipelineUrl } from '../hooks/records.ts';
import type { StandInGitLab } from '../stand-in.ts';
import type {
  Deployment,
  Emoji,
  Environment,
  Job,
  MergeRequest,
  Note,
  Pipeline,
  Project,
  StateEvent,
  User,
} from '../state.ts';

/** Records as GitLab's REST API shows them. */

export function presentUser(gitlab: StandInGitLab, user: User): Record<string, unknown> {
  return {
    id: user.id,
    username: user.username,
    public_email: null,
    name: user.name,
    state: 'active',
    locked: false,
    avatar_url: null,
    web_url: `${gitlab.url}/${user.username}`,
  };
}

export function presentProject(gitlab: StandInGitLab, project: Project): Record<string, unknown> {
  const namespace = project.path.slice(0, project.path.lastIndexOf('/'));
  return {
    id: project.id,
    description: null,
    name: project.name,
    name_with_namespace: project.path.replaceAll('/', ' / '),
    path: project.path.slice(namespace.length + 1),
    path_with_namespace: project.path,
    created_at: project.createdAt,
    default_branch: project.defaultBranch,
    http_url_to_repo: `${gitlab.url}/${project.path}.git`,
    web_url: `${gitlab.url}/${project.path}`,
    namespace: { name: namespace, path: namespace, kind: 'group', full_path: namespace },
    visibility: project.visibility,
    empty_repo: false,
    archived: false,
    merge_pipelines_enabled: project.mergedResults,
    ...(project.forkedFrom !== null && { forked_from_project: { id: project.forkedFrom } }),
  };
}

export function presentMergeRequest(gitlab: StandInGitLab, mergeRequest: MergeRequest): Record<string, unknown> {
  const project = gitlab.project(mergeRequest.projectId);
  const pipeline = headPipeline(gitlab, mergeRequest);
  const author = presentUser(gitlab, gitlab.user(mergeRequest.authorId));
  return {
    id: mergeRequest.id,
    iid: mergeRequest.iid,
    project_id: mergeRequest.projectId,
    title: mergeRequest.title,
    description: mergeRequest.description,
    state: mergeRequest.state,
    created_at: mergeRequest.createdAt,
    updated_at: mergeRequest.updatedAt,
    merged_at: mergeRequest.mergedAt,
    closed_at: mergeRequest.closedAt,
    target_branch: mergeRequest.targetBranch,
    source_branch: mergeRequest.sourceBranch,
    user_notes_count: mergeRequest.notes.filter(({ system }) => !system).length,
    author,
    assignees: [],
    assignee: null,
    reviewers: [],
    source_project_id: mergeRequest.sourceProjectId,
    target_project_id: mergeRequest.projectId,
    labels: mergeRequest.labels,
    draft: mergeRequest.draft,
    work_in_progress: mergeRequest.draft,
    milestone: null,
    merge_status: 'can_be_merged',
    detailed_merge_status: mergeRequest.state === 'opened' ? 'mergeable' : 'not_open',
    sha: mergeRequest.sha,
    merge_commit_sha: mergeRequest.mergeCommitSha,
    squash_commit_sha: null,
    reference: `!${mergeRequest.iid}`,
    references: {
      short: `!${mergeRequest.iid}`,
      relative: `!${mergeRequest.iid}`,
      full: `${project.path}!${mergeRequest.iid}`,
    },
    web_url: mergeRequestUrl(gitlab, mergeRequest),
    has_conflicts: false,
    blocking_discussions_resolved: true,
    head_pipeline: pipeline ? presentPipeline(gitlab, pipeline) : null,
    diff_refs: { base_sha: null, head_sha: mergeRequest.sha, start_sha: null },
    merge_error: null,
  };
}

export function presentPipeline(gitlab: StandInGitLab, pipeline: Pipeline): Record<string, unknown> {
  return {
    id: pipeline.id,
    iid: pipeline.iid,
    project_id: pipeline.projectId,
    sha: pipeline.sha,
    ref: pipeline.ref,
    status: pipeline.status,
    source: pipeline.source,
    created_at: pipeline.createdAt,
    updated_at: pipeline.updatedAt ?? pipeline.createdAt,
    web_url: pipelineUrl(gitlab, pipeline),
    name: null,
  };
}

/** What only the single pipeline shows, not the lists. */
export function presentPipelineDetails(gitlab: StandInGitLab, pipeline: Pipeline): Record<string, unknown> {
  return {
    ...presentPipeline(gitlab, pipeline),
    before_sha: '0'.repeat(40),
    tag: false,
    yaml_errors: null,
    user: presentUser(gitlab, gitlab.user(pipeline.userId)),
    started_at: null,
    finished_at: null,
    committed_at: null,
    duration: null,
    queued_duration: null,
    coverage: null,
    detailed_status: {
      icon: `status_${pipeline.status}`,
      text: pipeline.status,
      label: pipeline.status,
      group: pipeline.status,
    },
  };
}

export function presentJob(gitlab: StandInGitLab, job: Job): Record<string, unknown> {
  const pipeline = gitlab.pipeline(job.pipelineId);
  return {
    id: job.id,
    status: job.status,
    stage: job.stage,
    name: job.name,
    ref: pipeline.ref,
    tag: false,
    coverage: null,
    allow_failure: job.allowFailure,
    created_at: pipeline.createdAt,
    started_at: job.startedAt ?? null,
    finished_at: job.finishedAt ?? null,
    erased_at: null,
    duration: null,
    queued_duration: job.queuedSeconds ?? 0,
    user: presentUser(gitlab, gitlab.user(job.userId ?? pipeline.userId)),
    commit: { id: pipeline.sha, short_id: pipeline.sha.slice(0, 8) },
    pipeline: presentPipeline(gitlab, pipeline),
    ...(job.status === 'failed' && { failure_reason: 'script_failure' }),
    web_url: jobUrl(gitlab, job),
    project: { ci_job_token_scope_enabled: false },
    artifacts: [],
    runner: null,
    artifacts_expire_at: null,
    archived: false,
    tag_list: [],
  };
}

export function presentStateEvent(
  gitlab: StandInGitLab,
  mergeRequest: MergeRequest,
  event: StateEvent,
): Record<string, unknown> {
  return {
    id: event.id,
    user: presentUser(gitlab, gitlab.user(event.userId)),
    created_at: event.createdAt,
    resource_type: 'MergeRequest',
    resource_id: mergeRequest.id,
    state: event.state,
  };
}

export function presentNote(gitlab: StandInGitLab, mergeRequest: MergeRequest, note: Note): Record<string, unknown> {
  return {
    id: note.id,
    type: null,
    body: note.body,
    author: presentUser(gitlab, gitlab.user(note.authorId)),
    created_at: note.createdAt,
    updated_at: note.updatedAt,
    system: note.system,
    noteable_id: mergeRequest.id,
    noteable_type: 'MergeRequest',
    project_id: mergeRequest.projectId,
    resolvable: false,
    confidential: false,
    internal: false,
    imported: false,
    imported_from: 'none',
    noteable_iid: mergeRequest.iid,
    commands_changes: {},
  };
}

export function presentEmoji(
  gitlab: StandInGitLab,
  emoji: Emoji,
  awardable: { readonly id: number; readonly type: string },
): Record<string, unknown> {
  return {
    id: emoji.id,
    name: emoji.name,
    user: presentUser(gitlab, gitlab.user(emoji.userId)),
    awardable_id: awardable.id,
    awardable_type: awardable.type,
    url: null,
  };
}

export function presentEnvironment(environment: Environment): Record<string, unknown> {
  return {
    id: environment.id,
    name: environment.name,
    slug: environment.slug,
    description: null,
    external_url: environment.externalUrl,
    state: environment.state,
    tier: environment.tier,
    created_at: environment.createdAt,
    updated_at: environment.updatedAt,
    auto_stop_at: null,
    auto_stop_setting: 'always',
    cluster_agent: null,
  };
}

export function presentDeployment(gitlab: StandInGitLab, deployment: Deployment): Record<string, unknown> {
  const environment = gitlab.state.environments.find(({ id }) => id === deployment.environmentId);
  const job = deployment.jobId === null ? null : gitlab.job(deployment.jobId);
  return {
    id: deployment.id,
    iid: deployment.iid,
    ref: deployment.ref,
    sha: deployment.sha,
    created_at: deployment.createdAt,
    updated_at: deployment.updatedAt,
    user: presentUser(gitlab, gitlab.user(deployment.userId)),
    environment: environment ? presentEnvironment(environment) : null,
    deployable: job && findEnvironment(gitlab, job) ? presentJob(gitlab, job) : null,
    status: deployment.status,
  };
}
