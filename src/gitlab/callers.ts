import { createRequesterFn } from '@gitbeaker/requester-utils';
import type { CallerToken } from '../deployment/gitlab-facts.ts';
import { baseUrl, type GitLabOptions } from './client.ts';
import type { GitLab } from './gitlab.ts';
import { createProjects } from './projects.ts';
import type { ResourceOptions } from './resource-options.ts';
import type { RetryPolicy } from './retry-policy.ts';
import { createSender } from './sender.ts';
import { createUsers } from './users.ts';

/** Somebody waits for the answer: two tries, and then they are told to come back. */
const POLICY: RetryPolicy = {
  attempts: 2,
  requestTimeoutMs: 5_000,
  totalMs: 8_000,
  maxRetryAfterMs: 1_000,
  firstDelayMs: 200,
};

/** What GitLab says about the owner of a token, asked with that token: so the token's own scopes count too. */
export type CallerGitLab = Pick<GitLab, 'currentUser' | 'accessLevel'>;

/**
 * GitLab as those who call the service see it. Nothing is kept of a token: each call of the result makes a client of its own.
 * Every failure is a `GitLabError` without the token in it.
 */
export function createCallers(
  options: Pick<GitLabOptions, 'url' | 'userAgent' | 'onRequest' | 'now'>,
): (token: CallerToken) => CallerGitLab {
  return ({ header, value }) => {
    const send = createSender({
      token: value,
      userAgent: options.userAgent,
      policy: POLICY,
      unauthorizedPauseMs: 0,
      now: options.now ?? Date.now,
      onRequest: options.onRequest,
    });
    const resources: ResourceOptions = {
      host: baseUrl(options.url),
      ...(header === 'bearer' ? { oauthToken: value } : { token: value }),
      requesterFn: createRequesterFn(async (_resource, request) => request, send),
      queryTimeout: null,
      rateLimits: {},
    };
    const { currentUser } = createUsers(resources);
    const { accessLevel } = createProjects(resources);
    return { currentUser, accessLevel };
  };
}
