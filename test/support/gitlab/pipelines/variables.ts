import { randomBytes } from 'node:crypto';
import { knowSecret } from '../../secret-search/output.ts';
import type { StandInGitLab } from '../stand-in.ts';
import type { Job, MergeRequest, Pipeline, Project, User } from '../state.ts';
import { readCommit } from './checkout.ts';

/** Replaces `$NAME` and `${NAME}` by values, again in the values; `$$` is a dollar. Unknown names become empty, as in GitLab. */
export function expandVariables(text: string, lookUp: (name: string) => string | undefined, depth = 0): string {
  if (depth > 20) return text;
  return text.replace(/\$\$|\$\{(\w+)\}|\$([A-Za-z_]\w*)/g, (match, braced?: string, bare?: string) => {
    if (match === '$$') return '$';
    return expandVariables(lookUp((braced ?? bare) as string) ?? '', lookUp, depth + 1);
  });
}

const slugOf = (text: string) =>
  text
    .toLowerCase()
    .replace(/[^a-z0-9]/g, '-')
    .slice(0, 63)
    .replace(/^-+|-+$/g, '');

/** Predefined variables that are known before a pipeline's jobs are (doc/ci/variables/predefined_variables.md). */
export async function pipelineVariables(
  gitlab: StandInGitLab,
  project: Project,
  pipeline: Pick<Pipeline, 'id' | 'iid' | 'sha' | 'ref' | 'source' | 'createdAt'>,
  mergeRequest: MergeRequest | undefined,
): Promise<Record<string, string>> {
  const { host, hostname, protocol, port } = new URL(gitlab.url);
  const commit = await readCommit(project.repository, pipeline.sha);
  const refName = mergeRequest?.sourceBranch ?? pipeline.ref;
  return {
    CI: 'true',
    GITLAB_CI: 'true',
    CI_SERVER_URL: gitlab.url,
    CI_SERVER_HOST: hostname,
    CI_SERVER_FQDN: host,
    CI_SERVER_PROTOCOL: protocol.replace(':', ''),
    CI_SERVER_PORT: port || (protocol === 'https:' ? '443' : '80'),
    CI_API_V4_URL: `${gitlab.url}/api/v4`,
    CI_PROJECT_ID: String(project.id),
    CI_PROJECT_PATH: project.path,
    CI_PROJECT_NAME: project.path.split('/').at(-1) ?? '',
    CI_PROJECT_NAMESPACE: project.path.split('/').slice(0, -1).join('/'),
    CI_PROJECT_PATH_SLUG: slugOf(project.path),
    CI_PROJECT_URL: `${gitlab.url}/${project.path}`,
    CI_DEFAULT_BRANCH: project.defaultBranch,
    CI_PIPELINE_ID: String(pipeline.id),
    CI_PIPELINE_IID: String(pipeline.iid),
    CI_PIPELINE_SOURCE: pipeline.source,
    CI_PIPELINE_URL: `${gitlab.url}/${project.path}/-/pipelines/${pipeline.id}`,
    CI_PIPELINE_CREATED_AT: pipeline.createdAt,
    CI_COMMIT_SHA: pipeline.sha,
    CI_COMMIT_SHORT_SHA: pipeline.sha.slice(0, 8),
    CI_COMMIT_TITLE: commit.title,
    CI_COMMIT_MESSAGE: commit.message,
    CI_COMMIT_AUTHOR: commit.author,
    CI_COMMIT_TIMESTAMP: commit.timestamp,
    CI_COMMIT_REF_NAME: refName,
    CI_COMMIT_REF_SLUG: slugOf(refName),
    CI_COMMIT_REF_PROTECTED: String(mergeRequest === undefined && pipeline.ref === project.defaultBranch),
    ...(mergeRequest ? mergeRequestVariables(gitlab, pipeline, mergeRequest) : { CI_COMMIT_BRANCH: refName }),
  };
}

function mergeRequestVariables(
  gitlab: StandInGitLab,
  pipeline: Pick<Pipeline, 'ref'>,
  mergeRequest: MergeRequest,
): Record<string, string> {
  const { projects } = gitlab.state;
  const target = projects.find(({ id }) => id === mergeRequest.projectId);
  const source = projects.find(({ id }) => id === mergeRequest.sourceProjectId);
  const merged = pipeline.ref.endsWith('/merge');
  return {
    CI_MERGE_REQUEST_ID: String(mergeRequest.id),
    CI_MERGE_REQUEST_IID: String(mergeRequest.iid),
    CI_MERGE_REQUEST_PROJECT_ID: String(mergeRequest.projectId),
    CI_MERGE_REQUEST_PROJECT_PATH: target?.path ?? '',
    CI_MERGE_REQUEST_PROJECT_URL: `${gitlab.url}/${target?.path}`,
    CI_MERGE_REQUEST_REF_PATH: `refs/merge-requests/${mergeRequest.iid}/${merged ? 'merge' : 'head'}`,
    CI_MERGE_REQUEST_SOURCE_PROJECT_ID: String(mergeRequest.sourceProjectId ?? ''),
    CI_MERGE_REQUEST_SOURCE_PROJECT_PATH: source?.path ?? '',
    CI_MERGE_REQUEST_SOURCE_PROJECT_URL: `${gitlab.url}/${source?.path}`,
    CI_MERGE_REQUEST_SOURCE_BRANCH_NAME: mergeRequest.sourceBranch,
    CI_MERGE_REQUEST_TARGET_BRANCH_NAME: mergeRequest.targetBranch,
    CI_MERGE_REQUEST_TITLE: mergeRequest.title,
    CI_MERGE_REQUEST_DESCRIPTION: mergeRequest.description.slice(0, 2700),
    CI_MERGE_REQUEST_LABELS: mergeRequest.labels.join(','),
    CI_MERGE_REQUEST_DRAFT: String(mergeRequest.draft),
    CI_MERGE_REQUEST_EVENT_TYPE: merged ? 'merged_result' : 'detached',
    // Empty in plain merge-request pipelines, where CI_COMMIT_SHA is the branch's own commit.
    CI_MERGE_REQUEST_SOURCE_BRANCH_SHA: merged ? mergeRequest.sha : '',
    CI_OPEN_MERGE_REQUESTS: `${target?.path}!${mergeRequest.iid}`,
  };
}

/** Predefined variables of one job; `user` is who started it. */
export function jobVariables(gitlab: StandInGitLab, project: Project, job: Job, user: User): Record<string, string> {
  const token = `glcbt-64_${randomBytes(15).toString('base64url')}`;
  knowSecret('CI_JOB_TOKEN', token);
  const clone = new URL(`${gitlab.url}/${project.path}.git`);
  clone.username = 'gitlab-ci-token';
  clone.password = token;
  return {
    CI_JOB_TOKEN: token,
    CI_REPOSITORY_URL: clone.href,
    CI_JOB_ID: String(job.id),
    CI_JOB_NAME: job.name,
    CI_JOB_STAGE: job.stage,
    CI_JOB_URL: `${gitlab.url}/${project.path}/-/jobs/${job.id}`,
    CI_JOB_STATUS: 'running',
    ...(job.when === 'manual' ? { CI_JOB_MANUAL: 'true' } : {}),
    ...(job.environmentName === null
      ? {}
      : { CI_ENVIRONMENT_NAME: job.environmentName, CI_ENVIRONMENT_ACTION: job.environmentAction ?? 'start' }),
    GITLAB_USER_ID: String(user.id),
    GITLAB_USER_LOGIN: user.username,
    GITLAB_USER_NAME: user.name,
  };
}

/** Whether a CI/CD variable's environment scope (`*`, `review/*`, a name) covers a job's environment. */
export function scopeCovers(scope: string, environment: string | null): boolean {
  if (scope === '*') return true;
  if (environment === null) return false;
  const pattern = scope.split('*').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${pattern.join('.*')}$`).test(environment);
}
