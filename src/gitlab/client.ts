import { createRequesterFn } from '@gitbeaker/requester-utils';
import { createArchives } from './archive.ts';
import { createCommits } from './commits.ts';
import { createEnvironments } from './environments.ts';
import type { RequestReport } from './exchange.ts';
import type { GitLab } from './gitlab.ts';
import { createMergeRequests } from './merge-requests.ts';
import { createNotes } from './notes.ts';
import { createPipelines } from './pipelines.ts';
import { createProjects } from './projects.ts';
import type { ResourceOptions } from './resource-options.ts';
import { defaultRetryPolicy, type RetryPolicy } from './retry-policy.ts';
import { createSender } from './sender.ts';
import { createUsers } from './users.ts';

export interface GitLabOptions {
  /** Base URL of GitLab; a sub-path and a trailing slash are fine. */
  readonly url: string;
  /** Token of the bot user, scope `api`. */
  readonly token: string;
  readonly userAgent: string;
  readonly retry?: Partial<RetryPolicy>;
  /** How long nothing is asked after a 401; 30 s. */
  readonly unauthorizedPauseMs?: number;
  /** Ms since the epoch. */
  readonly now?: () => number;
  /** Called for each exchange, repeated ones too. */
  readonly onRequest?: (report: RequestReport) => void;
}

/**
 * GitLab's REST API as the service uses it, on single resource classes of gitbeaker (`new Gitlab()` builds all 199).
 * Every failure is a `GitLabError` without the token in it.
 */
export function createGitLab(options: GitLabOptions): GitLab {
  const { token, userAgent, onRequest, now = Date.now } = options;
  const host = baseUrl(options.url);
  const send = createSender({
    token,
    userAgent,
    policy: { ...defaultRetryPolicy, ...options.retry },
    unauthorizedPauseMs: options.unauthorizedPauseMs ?? 30_000,
    now,
    onRequest,
  });
  const resources: ResourceOptions = {
    host,
    token,
    requesterFn: createRequesterFn(async (_resource, request) => request, send),
    queryTimeout: null,
    rateLimits: {},
  };
  return {
    ...createUsers(resources),
    ...createProjects(resources),
    ...createMergeRequests(resources),
    ...createPipelines(resources),
    ...createCommits(resources),
    ...createArchives({ host, token, userAgent, now, onRequest }),
    ...createNotes(resources),
    ...createEnvironments(resources),
  };
}

/** @throws TypeError where the URL carries a user name or a password */
export function baseUrl(given: string): string {
  const url = new URL(given);
  // fetch refuses such a URL and quotes it whole in its message.
  if (url.username !== '' || url.password !== '') {
    throw new TypeError('BD_GITLAB_URL must carry neither a user name nor a password');
  }
  return `${url.origin}${url.pathname}`.replace(/\/+$/, '');
}
