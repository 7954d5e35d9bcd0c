/**
 * What went wrong, in words that tell its reader what to change.
 *
 * `type` is stable and is the last part of a problem's `type` URI (RFC 9457); `status` is the HTTP status a door answers with.
 */
export class ProblemError extends Error {
  override readonly name = 'ProblemError';
  readonly type: string;
  readonly status: number;

  constructor(type: string, status: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.type = type;
    this.status = status;
  }
}

/** Why a request to GitLab failed, as far as callers must choose. */
export type GitLabFailure =
  | 'unreachable' // no answer at all, or a 5xx after retries
  | 'rate-limited' // 429 after retries
  | 'unauthorized' // 401: the token is wrong or expired
  | 'forbidden' // 403: the token lacks a right
  | 'not-found' // 404
  | 'invalid'; // any other 4xx, or an answer that is not what GitLab's API gives

/** A failed request to GitLab. `retryAfterMs` is set where GitLab said when to come back. */
export class GitLabError extends Error {
  override readonly name = 'GitLabError';
  readonly failure: GitLabFailure;
  readonly status: number | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(
    failure: GitLabFailure,
    message: string,
    options: { status?: number | undefined; retryAfterMs?: number | undefined; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.failure = failure;
    this.status = options.status;
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
