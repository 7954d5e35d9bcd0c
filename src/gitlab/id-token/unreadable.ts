import { errors } from 'jose';
import { ProblemError } from '../../errors.ts';

/** GitLab's keys or their address cannot be read: no token can be checked now, which is not the job's fault. */
export function keysUnreadable(address: URL, why: unknown): ProblemError {
  const reason = typeof why === 'string' ? why : reasonOf(why);
  return new ProblemError(
    'gitlab-keys-unreadable',
    503,
    `This service cannot check ID tokens now: ${address.origin}${address.pathname}: ${reason}. Try again later.`,
  );
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'it did not answer';
  if (error.name === 'TimeoutError' || error.name === 'JWKSTimeout') return 'no answer in time';
  const cause: unknown = error.cause;
  if (cause instanceof Error && 'code' in cause && typeof cause.code === 'string') return cause.code;
  // fetch's own messages may quote the whole URL.
  return error instanceof errors.JOSEError ? error.message : 'the connection failed';
}
