import { createRequesterFn } from '@gitbeaker/requester-utils';
import { PersonalAccessTokens } from '@gitbeaker/rest';
import * as z from 'zod';
import type { CallerToken } from '../deployment/gitlab-facts.ts';
import { GitLabError } from '../errors.ts';
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
export interface CallerGitLab extends Pick<GitLab, 'currentUser' | 'accessLevel'> {
  /** What the token may do; null where GitLab does not say. */
  scopes(): Promise<readonly string[] | null>;
}

const ownToken = z.object({ scopes: z.array(z.string()) });
const oauthToken = z.object({ scope: z.array(z.string()) });

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
    const host = resources.host;
    return {
      currentUser,
      accessLevel,
      async scopes() {
        const own = ownToken.safeParse(await saidOrNull(new PersonalAccessTokens(resources).show()));
        if (own.success) return own.data.scopes;
        if (header !== 'bearer') return null;
        // Outside of /api/v4, so no resource of gitbeaker's has it (doc/api/oauth2.md).
        const headers = { authorization: `Bearer ${value}` };
        const answer = await saidOrNull(send('oauth/token/info', { method: 'GET', prefixUrl: host, headers }));
        const oauth = oauthToken.safeParse(answer?.body);
        return oauth.success ? oauth.data.scope : null;
      },
    };
  };
}

/** Null where GitLab answered with a no; one that cannot be reached is an error all the same. */
async function saidOrNull<T>(answer: Promise<T>): Promise<T | null> {
  return answer.catch((error: unknown) => {
    const isAway = !(error instanceof GitLabError) || ['unreachable', 'rate-limited'].includes(error.failure);
    if (isAway) throw error;
    return null;
  });
}
