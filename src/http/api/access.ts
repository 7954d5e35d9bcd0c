import { LRUCache } from 'lru-cache';
import type { AccessLevel, CallerToken, PersonFacts } from '../../deployment/gitlab-facts.ts';
import { GitLabError, ProblemError } from '../../errors.ts';
import { refuseToken, tokenKey } from './caller-token.ts';
import type { ApiContext } from './context.ts';
import { fewAtOnce } from './few-at-once.ts';

/** How long GitLab's word is taken for reading; before acting it is asked again. */
const KNOWN_MS = 5 * 60_000;
/** A token that GitLab rejected, and a person who is no member, may be mended by now: asked again sooner. */
const REFUSED_MS = 60_000;
const MOST_REMEMBERED = 10_000;
/** Questions to GitLab at once, for all callers together. */
const AT_ONCE = { running: 8, waiting: 200 };

/** Who calls, as GitLab knows them. */
export interface Caller extends PersonFacts {
  readonly token: CallerToken;
}

export interface Access {
  /** @throws ProblemError 401 for a token that GitLab rejects; GitLabError where it cannot be asked */
  identify(token: CallerToken): Promise<Caller>;
  /** The caller's role in a project. @param options.fresh asks GitLab now, whatever is remembered */
  role(caller: Caller, projectId: number, options?: { readonly fresh: boolean }): Promise<AccessLevel>;
  /** @throws ProblemError 403 where GitLab says that the token is for reading only */
  requireActing(caller: Caller): Promise<void>;
  /** Those of these projects in which the caller has at least this role. */
  withRole(caller: Caller, projectIds: readonly number[], level: AccessLevel): Promise<number[]>;
}

/** Asks GitLab who a token belongs to and what they may; remembers the answers for some minutes, by the token's hash. */
export function createAccess(context: Pick<ApiContext, 'gitlabOf' | 'now'>): Access {
  const ask = fewAtOnce(AT_ONCE);
  const shared = {
    max: MOST_REMEMBERED,
    ttl: KNOWN_MS,
    perf: { now: context.now },
    ttlResolution: 0,
    // Whoever waits for an answer gets it, also where it is not kept.
    ignoreFetchAbort: true,
    // GitLab out of reach while somebody acts: what was known for reading stays known.
    noDeleteOnFetchRejection: true,
  };
  const people = new LRUCache<string, PersonFacts | 'rejected', CallerToken>({
    ...shared,
    async fetchMethod(_key, _stale, { context: token, options }) {
      const found = await ask(() => context.gitlabOf(token).currentUser()).catch(rejectedWhere401or403);
      if (found === 'rejected') options.ttl = REFUSED_MS;
      return found;
    },
  });
  const roles = new LRUCache<string, AccessLevel | 'rejected', { caller: Caller; projectId: number }>({
    ...shared,
    async fetchMethod(_key, _stale, { context: { caller, projectId }, options }) {
      const level = await ask(() => context.gitlabOf(caller.token).accessLevel(projectId, caller.id)).catch(
        (error: unknown) => {
          // A project may refuse a token that is good elsewhere, by its address or its group's rules.
          if (error instanceof GitLabError && error.failure === 'forbidden' && !lacksScope(error)) return 0;
          return rejectedWhere401or403(error);
        },
      );
      if (level === 'rejected' || level === 0) options.ttl = REFUSED_MS;
      return level;
    },
  });

  async function role(caller: Caller, projectId: number, options?: { readonly fresh: boolean }): Promise<AccessLevel> {
    const key = tokenKey(caller.token);
    const level = await roles.fetch(`${key} ${projectId}`, {
      context: { caller, projectId },
      forceRefresh: options?.fresh ?? false,
    });
    if (level !== 'rejected') return level ?? 0;
    people.set(key, 'rejected', { ttl: REFUSED_MS });
    return refuseToken();
  }

  return {
    role,
    async identify(token) {
      const found = await people.fetch(tokenKey(token), { context: token });
      return found === undefined || found === 'rejected' ? refuseToken() : { ...found, token };
    },
    async requireActing(caller) {
      const scopes = await ask(() => context.gitlabOf(caller.token).scopes());
      if (scopes !== null && !scopes.includes('api'))
        throw new ProblemError(
          'insufficient-scope',
          403,
          `This token has the scope ${scopes.join(', ') || 'of nothing'}: acting takes a token with the scope api.`,
        );
    },
    async withRole(caller, projectIds, level) {
      const allowed = new Set<number>();
      const left = [...projectIds];
      // No more of one caller's questions at once than run at all, so that the others get their turn.
      const worker = async () => {
        for (let id = left.pop(); id !== undefined; id = left.pop())
          if ((await role(caller, id)) >= level) allowed.add(id);
      };
      await Promise.all(Array.from({ length: AT_ONCE.running }, worker));
      return projectIds.filter((id) => allowed.has(id));
    },
  };
}

/** As GitLab says it (RFC 6750 §3.1): that is the same in every project. */
const lacksScope = ({ message }: GitLabError) => message.includes('insufficient_scope');

function rejectedWhere401or403(error: unknown): 'rejected' {
  if (error instanceof GitLabError && (error.failure === 'unauthorized' || error.failure === 'forbidden'))
    return 'rejected';
  throw error;
}
