import { createHash } from 'node:crypto';
import type { CallerToken } from '../../deployment/gitlab-facts.ts';
import { ProblemError } from '../../errors.ts';

/** Longer than any of GitLab's, OAuth tokens too. */
const LONGEST = 2_048;

const HOW =
  'Send a GitLab token with the scope read_api (api to act), as GitLab takes it: ' +
  '"PRIVATE-TOKEN: <personal, project or group access token>" or "Authorization: Bearer <token>".';

/**
 * The token that a request carries, in the header that GitLab itself would look at first.
 * @throws ProblemError 401, with what to send
 */
export function callerToken(headers: Headers): CallerToken {
  const given = headers.get('private-token');
  const bearer = /^Bearer +(.+)$/i.exec(headers.get('authorization')?.trim() ?? '')?.[1];
  const value = (given ?? bearer)?.trim();
  if (value === undefined || value === '')
    throw new ProblemError('no-token', 401, `The request carries no token. ${HOW}`);
  if (value.length > LONGEST || !/^[\x21-\x7e]+$/.test(value))
    throw new ProblemError('wrong-token', 401, `What the request carries cannot be a token of GitLab's. ${HOW}`);
  return { header: given === null ? 'bearer' : 'private-token', value };
}

/** @throws ProblemError 401: GitLab said no to this token */
export function refuseToken(): never {
  throw new ProblemError(
    'wrong-token',
    401,
    `GitLab rejects this token: it is wrong, expired or revoked, or lacks the scope. ${HOW}`,
  );
}

/** What a token is remembered by; the token itself is not kept. */
export function tokenKey({ header, value }: CallerToken): string {
  return createHash('sha256').update(`${header} ${value}`).digest('base64url');
}
