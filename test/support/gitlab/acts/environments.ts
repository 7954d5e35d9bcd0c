import { createHash } from 'node:crypto';
import { recordOutput } from '../../secret-search/output.ts';
import { ApiRefusal } from '../api-refusal.ts';
import type { StandInGitLab } from '../stand-in.ts';
import type { Environment, MergeRequest, User } from '../state.ts';
import { headPipeline } from './pipelines.ts';

export interface EnvironmentOptions {
  readonly name: string;
  readonly externalUrl?: string | null;
  readonly tier?: string;
}

/** What is wrong with a name, in GitLab's words (lib/gitlab/regex.rb, environment_name_regex; app/models/environment.rb). */
export function nameFault(name: string): string | undefined {
  if (name === '') return "can't be blank";
  if (name.length > 255) return 'is too long (maximum is 255 characters)';
  if (!/^[a-zA-Z0-9_/${}. -]+$/.test(name) || name.startsWith('/') || name.endsWith('/')) {
    return "can contain only letters, digits, '-', '_', '/', '$', '{', '}', '.', and spaces, but it cannot start or end with '/'";
  }
  return undefined;
}

/** What is wrong with an external URL, in GitLab's words. */
export function urlFault(url: string): string | undefined {
  if (url.length > 255) return 'is too long (maximum is 255 characters)';
  if (!URL.canParse(url) || !/^https?:\/\/[^\s]+$/.test(url)) return 'is blocked: Only allowed schemes are http, https';
  return undefined;
}

/** lib/gitlab/slug/environment.rb */
export function environmentSlug(name: string): string {
  const letters = name.toLowerCase().replace(/[^a-z0-9]/g, '-');
  const slug = (/^[a-z]/.test(letters) ? letters : `env-${letters}`).replace(/-+/g, '-');
  if (slug.length <= 24 && slug === name) return slug;
  const suffix = BigInt(`0x${createHash('sha256').update(name).digest('hex')}`)
    .toString(36)
    .slice(-6);
  const head = slug.slice(0, 17);
  return `${head}${head.endsWith('-') ? '' : '-'}${suffix}`;
}

/** app/models/environment.rb, `guess_tier`. */
function guessTier(name: string): string {
  if (/dev|review|trunk/i.test(name)) return 'development';
  if (/test|tst|int|ac(ce|)pt|qa|qc|control|quality/i.test(name)) return 'testing';
  if (/st(a|)g|mod(e|)l|pre|demo|non/i.test(name)) return 'staging';
  if (/pr(o|)d|live/i.test(name)) return 'production';
  return 'other';
}

/** Finds the environment or makes it; throws a refusal for a name or URL that GitLab does not take. */
export function ensureEnvironment(gitlab: StandInGitLab, projectId: number, options: EnvironmentOptions): Environment {
  const existing = gitlab.environment(projectId, options.name);
  if (existing) return existing;
  const name = nameFault(options.name);
  if (name !== undefined) throw new ApiRefusal(400, { message: { name: [name] } });
  const environment: Environment = {
    id: gitlab.nextId(),
    projectId,
    name: options.name,
    slug: environmentSlug(options.name),
    state: 'available',
    tier: options.tier ?? guessTier(options.name),
    externalUrl: null,
    onStop: null,
    createdAt: gitlab.time(),
    updatedAt: gitlab.time(),
  };
  if (options.externalUrl != null) setExternalUrl(gitlab, environment, options.externalUrl);
  gitlab.state.environments.push(environment);
  return environment;
}

/** Throws a refusal for a URL that GitLab does not take. */
export function setExternalUrl(gitlab: StandInGitLab, environment: Environment, url: string | null): void {
  recordOutput('link of an environment', url ?? '');
  const fault = url === null || url === '' ? undefined : urlFault(url);
  if (fault !== undefined) throw new ApiRefusal(400, { message: { external_url: [fault] } });
  environment.externalUrl = url === '' ? null : url;
  environment.updatedAt = gitlab.time();
}

export function markStopped(gitlab: StandInGitLab, environment: Environment): void {
  environment.state = 'stopped';
  environment.updatedAt = gitlab.time();
}

/** Environments::StopService. Without `force` the stop job is played where there is one, and its success makes the environment `stopped`. */
export async function stopEnvironment(
  gitlab: StandInGitLab,
  environment: Environment,
  options: { readonly user: User; readonly force: boolean },
): Promise<void> {
  const stoppable = options.force ? environment.state !== 'stopped' : environment.state === 'available';
  if (!stoppable)
    throw new ApiRefusal(400, { message: 'Attempted to stop the environment but failed to change the status' });
  const plays = !options.force && environment.onStop !== null && gitlab.onPlayStopJob !== null;
  if (!plays) return markStopped(gitlab, environment);
  environment.state = 'stopping';
  environment.updatedAt = gitlab.time();
  await gitlab.onPlayStopJob?.(environment, options.user);
}

/**
 * What GitLab does by itself when a merge request is merged or closed: only environments that jobs of its head pipeline deployed
 * to, and only where that is a merge-request pipeline (app/services/environments/stop_service.rb).
 */
export async function stopEnvironmentsOf(gitlab: StandInGitLab, mergeRequest: MergeRequest, user: User): Promise<void> {
  const pipeline = headPipeline(gitlab, mergeRequest);
  if (!pipeline || pipeline.mergeRequestIid === null) return;
  const jobIds = new Set(pipeline.jobs.map(({ id }) => id));
  const deployed = gitlab.state.deployments.filter(
    ({ jobId, status }) => jobId !== null && jobIds.has(jobId) && status === 'success',
  );
  const ids = new Set(deployed.map(({ environmentId }) => environmentId));
  for (const environment of gitlab.state.environments) {
    if (!ids.has(environment.id) || environment.state !== 'available') continue;
    // Who may not stop it: GitLab leaves it as it is, and says nothing.
    if (gitlab.accessLevel(environment.projectId, user.id) < 30) continue;
    await stopEnvironment(gitlab, environment, { user, force: false });
  }
}
