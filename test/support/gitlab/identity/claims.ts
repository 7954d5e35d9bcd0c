import type { JWTPayload } from 'jose';
import { mergeRequestOf } from '../hooks/records.ts';
import type { StandInGitLab } from '../stand-in.ts';
import type { Job, Project } from '../state.ts';

/** Groups have no records of their own here; their ids only need to be the same for the same path. */
function namespaceId(path: string): string {
  let id = 7;
  for (const character of path) id = (id * 31 + (character.codePointAt(0) ?? 0)) % 1_000_003;
  return String(id);
}

function namespaceOf(project: Project): string {
  return project.path.slice(0, project.path.lastIndexOf('/'));
}

/**
 * Claims of a job's ID token (lib/gitlab/ci/jwt_v2.rb; doc/ci/secrets/id_token_authentication.md): ids and booleans are strings, all
 * but `runner_id`. Of a fork's merge request `project_*`, `ref` and `sub` are the fork's wherever the pipeline runs (18.2.2), and
 * `job_project_*` say where it runs (18.4). No claim names the merge request.
 */
export function idTokenClaims(
  gitlab: StandInGitLab,
  job: Job,
  options: { readonly audience: string | readonly string[] },
): JWTPayload {
  const pipeline = gitlab.pipeline(job.pipelineId);
  const mergeRequest = mergeRequestOf(gitlab, pipeline);
  const runsIn = gitlab.project(job.projectId);
  const project = gitlab.project(mergeRequest?.sourceProjectId ?? runsIn);
  const user = gitlab.user(job.userId ?? pipeline.userId);
  const ref = mergeRequest?.sourceBranch ?? pipeline.ref.replace(/^refs\/heads\//, '');
  const level = gitlab.accessLevel(runsIn, user.id);
  const roles: Readonly<Record<number, string>> = {
    10: 'guest',
    20: 'reporter',
    30: 'developer',
    40: 'maintainer',
    50: 'owner',
  };
  return {
    aud: typeof options.audience === 'string' ? options.audience : [...options.audience],
    sub: `project_path:${project.path}:ref_type:branch:ref:${ref}`,
    project_id: String(project.id),
    project_path: project.path,
    namespace_id: namespaceId(namespaceOf(project)),
    namespace_path: namespaceOf(project),
    job_project_id: String(runsIn.id),
    job_project_path: runsIn.path,
    job_namespace_id: namespaceId(namespaceOf(runsIn)),
    job_namespace_path: namespaceOf(runsIn),
    user_id: String(user.id),
    user_login: user.username,
    user_email: `${user.username}@example.com`,
    user_access_level: roles[level] ?? null,
    pipeline_id: String(pipeline.id),
    pipeline_source: pipeline.source,
    job_id: String(job.id),
    ref,
    ref_type: 'branch',
    ref_path: `refs/heads/${ref}`,
    ref_protected: String(ref === project.defaultBranch),
    // GitLab leaves these out of jobs without an environment.
    ...(job.environmentName !== null && {
      environment: job.environmentName,
      environment_protected: 'false',
      deployment_tier:
        job.deploymentTier ?? gitlab.environment(job.projectId, job.environmentName)?.tier ?? 'development',
      environment_action: job.environmentAction ?? 'start',
    }),
    runner_id: 1,
    runner_environment: 'self-hosted',
    sha: pipeline.sha,
    project_visibility: project.visibility,
    ci_config_ref_uri: `${new URL(gitlab.url).host}/${runsIn.path}//.gitlab-ci.yml@${pipeline.ref}`,
    ci_config_sha: pipeline.sha,
  };
}
