/** How long and how often a request to GitLab is tried. */
export interface RetryPolicy {
  /** Tries in all, the first one included. */
  readonly attempts: number;
  /** One try, from connecting to the last byte of the answer. */
  readonly requestTimeoutMs: number;
  /** All tries and the waiting between them. */
  readonly totalMs: number;
  /** A longer `Retry-After` is not waited for: the caller gets it as `retryAfterMs`. */
  readonly maxRetryAfterMs: number;
  /** Wait before the second try; it doubles from try to try. */
  readonly firstDelayMs: number;
}

export const defaultRetryPolicy: RetryPolicy = {
  attempts: 4,
  requestTimeoutMs: 10_000,
  totalMs: 20_000,
  maxRetryAfterMs: 10_000,
  firstDelayMs: 300,
};

/** What is sent: enough to know whether sending it twice does harm. */
export interface Sent {
  readonly method: string;
  readonly endpoint: string;
}

const PASSING = new Set([429, 500, 502, 503, 504]);

/** The request never left: nothing listened, no route, no name. */
const NEVER_SENT = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/**
 * Whether an answer with this status is worth another try.
 *
 * A POST is repeated after 429 only: GitLab's limiters refuse before anything is done. A 5xx can come after GitLab acted
 * (a proxy that lost patience, a request that Rails cut off, an exhausted Gitaly behind a note that is saved already).
 */
export function mayRepeatAnswer(sent: Sent, status: number): boolean {
  return status === 429 || (PASSING.has(status) && isRepeatable(sent));
}

/** Whether a request without an answer is worth another try; a POST only where it surely was not sent. */
export function mayRepeatFailure(sent: Sent, error: unknown): boolean {
  return isRepeatable(sent) || neverSent(error);
}

/** Whether the failure says that no byte of the request reached anybody. */
export function neverSent(error: unknown): boolean {
  const code = errorCode(error);
  return code !== undefined && NEVER_SENT.has(code);
}

/** Code of a failed fetch, which hides in its cause (`ECONNREFUSED`, `UND_ERR_SOCKET`). */
export function errorCode(error: unknown): string | undefined {
  for (let at = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth += 1) {
    if ('code' in at && typeof at.code === 'string') return at.code;
    // With several addresses behind one name, each has its own error.
    if (at instanceof AggregateError && at.errors.length > 0) return errorCode(at.errors[0]);
  }
  return undefined;
}

/**
 * What the answer says about coming back, in ms from now: `Retry-After` (seconds or a date), else GitLab's
 * `RateLimit-Reset` (Unix seconds). GitLab sends them for some limits and leaves them out for others.
 */
export function retryAfterMs(headers: Headers, now: number): number | undefined {
  const after = headers.get('retry-after')?.trim();
  if (after) {
    const at = /^\d+$/.test(after) ? now + Number(after) * 1000 : Date.parse(after);
    if (Number.isFinite(at)) return Math.max(0, at - now);
  }
  const reset = headers.get('ratelimit-reset')?.trim();
  return reset && /^\d{9,11}$/.test(reset) ? Math.max(0, Number(reset) * 1000 - now) : undefined;
}

/** Wait before the try after try number `tried`: what GitLab asks for and a little more, else doubling; never the same for two. */
export function delayMs(policy: RetryPolicy, tried: number, asked: number | undefined): number {
  if (asked !== undefined) return asked + Math.random() * policy.firstDelayMs;
  return policy.firstDelayMs * 2 ** (tried - 1) * (0.5 + Math.random() / 2);
}

/** All but POST do the same when done twice, and so do these two: stopping, and an emoji, which a person can give only once. */
function isRepeatable({ method, endpoint }: Sent): boolean {
  return method !== 'POST' || /\/environments\/\d+\/stop$|\/award_emoji$/.test(endpoint);
}
