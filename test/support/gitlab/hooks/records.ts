import type { StandInGitLab } from '../stand-in.ts';
import type { Environment, Job, MergeRequest, Pipeline, Project, User } from '../state.ts';

/** Parts that several payloads share, in the shapes of doc/user/project/integrations/webhook_events.md. */

export function projectPart(gitlab: StandInGitLab, project: Project): Record<string, unknown> {
  const web = `${gitlab.url}/${project.path}`;
  return {
    id: project.id,
    name: project.name,
    description: '',
    web_url: web,
    avatar_url: null,
    git_ssh_url: `git@${new URL(gitlab.url).hostname}:${project.path}.git`,
    git_http_url: `${web}.git`,
    namespace: project.path.slice(0, project.path.lastIndexOf('/')),
    visibility_level: project.visibility === 'public' ? 20 : 0,
    path_with_namespace: project.path,
    default_branch: project.defaultBranch,
    ci_config_path: null,
    homepage: web,
    url: `${web}.git`,
    ssh_url: `git@${new URL(gitlab.url).hostname}:${project.path}.git`,
    http_url: `${web}.git`,
  };
}

/** GitLab redacts the e-mail unless it is public. */
export function userPart(user: User): Record<string, unknown> {
  return { id: user.id, name: user.name, username: user.username, avatar_url: null, email: '[REDACTED]' };
}

export function mergeRequestUrl(gitlab: StandInGitLab, mergeRequest: MergeRequest): string {
  return `${gitlab.url}/${gitlab.project(mergeRequest.projectId).path}/-/merge_requests/${mergeRequest.iid}`;
}

export function jobUrl(gitlab: StandInGitLab, job: Job): string {
  return `${gitlab.url}/${gitlab.project(job.projectId).path}/-/jobs/${job.id}`;
}

export function pipelineUrl(gitlab: StandInGitLab, pipeline: Pipeline): string {
  return `${gitlab.url}/${gitlab.project(pipeline.projectId).path}/-/pipelines/${pipeline.id}`;
}

export function findEnvironment(gitlab: StandInGitLab, job: Job): Environment | undefined {
  return job.environmentName === null ? undefined : gitlab.environment(job.projectId, job.environmentName);
}

/** The merge request of a pipeline, wherever the pipeline runs. */
export function mergeRequestOf(gitlab: StandInGitLab, pipeline: Pipeline): MergeRequest | undefined {
  return gitlab.state.mergeRequests.find(({ id, iid, projectId }) =>
    pipeline.mergeRequestId === undefined
      ? iid === pipeline.mergeRequestIid && projectId === pipeline.projectId
      : id === pipeline.mergeRequestId,
  );
}
