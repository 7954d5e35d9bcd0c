import type { FormattedResponse, RequestHandlerFn } from '@gitbeaker/requester-utils';
import ky from 'ky';
import { GitLabError } from '../errors.ts';
import { exchange, type RequestReport } from './exchange.ts';
import { answerError, noAnswerError, notJsonError, parseJson } from './failures.ts';
import { delayMs, mayRepeatAnswer, mayRepeatFailure, type RetryPolicy, retryAfterMs } from './retry-policy.ts';

export interface SenderOptions {
  readonly token: string;
  readonly userAgent: string;
  readonly policy: RetryPolicy;
  /** How long nothing is asked after a 401. */
  readonly unauthorizedPauseMs: number;
  readonly now: () => number;
  readonly onRequest?: ((report: RequestReport) => void) | undefined;
}

/**
 * What carries gitbeaker's requests in place of its own requester, which repeats a POST after a 502, does not heed
 * `Retry-After`, waits milliseconds where it means seconds and loses the status (jdalrymple/gitbeaker#3805).
 */
export function createSender(options: SenderOptions): RequestHandlerFn {
  const { policy, now, token } = options;
  let refusal: { readonly error: GitLabError; readonly until: number } | undefined;

  return async (endpoint, requestOptions = {}): Promise<FormattedResponse> => {
    const { method, url, headers, body } = readRequest(endpoint, requestOptions);
    const sent = { method, endpoint: url.pathname };
    const failed = { what: `${method} ${url.pathname.replace(/^.*?\/api\/v4\//, '')}`, token, method };
    if (refusal && now() < refusal.until) throw pausedError(refusal.error, refusal.until - now());

    const startedAt = performance.now();
    const fits = (waitMs: number) => performance.now() - startedAt + waitMs < policy.totalMs;
    let askedMs: number | undefined;
    const response = await ky(url, {
      method,
      headers: { ...headers, accept: 'application/json', 'user-agent': options.userAgent },
      ...(body === undefined ? {} : { body }),
      redirect: 'manual',
      throwHttpErrors: false,
      timeout: policy.requestTimeoutMs,
      signal: AbortSignal.timeout(policy.totalMs),
      fetch: (input) => exchange(input as Request, options.onRequest),
      retry: {
        limit: policy.attempts - 1,
        methods: ['get', 'post', 'put', 'delete', 'head'],
        delay: (tried) => delayMs(policy, tried, undefined),
        shouldRetry: ({ error, retryCount }) =>
          mayRepeatFailure(sent, error) && fits(policy.firstDelayMs * 2 ** (retryCount - 1)),
      },
      hooks: {
        afterResponse: [
          (_request, _options, answer, { retryCount }) => {
            askedMs = retryAfterMs(answer.headers, now());
            if (!mayRepeatAnswer(sent, answer.status) || retryCount >= policy.attempts - 1) return;
            if (askedMs !== undefined && askedMs > policy.maxRetryAfterMs) return;
            const delay = delayMs(policy, retryCount + 1, askedMs);
            return fits(delay) ? ky.retry({ delay }) : undefined;
          },
        ],
      },
    }).catch((error: unknown) => {
      throw noAnswerError(error, { ...failed, retryAfterMs: askedMs });
    });

    const answer = {
      status: response.status,
      contentType: response.headers.get('content-type') ?? '',
      text: await response.text(),
      location: response.headers.get('location'),
    };
    if (!response.ok) {
      const error = answerError(answer, { ...failed, retryAfterMs: askedMs });
      if (response.status === 401) refusal = { error, until: now() + options.unauthorizedPauseMs };
      throw error;
    }
    const value = answer.text === '' ? null : parseJson(answer.text);
    if (value === undefined) throw notJsonError(answer, failed);
    return {
      status: answer.status,
      headers: Object.fromEntries(response.headers),
      body: value as FormattedResponse['body'],
    };
  };
}

/** gitbeaker hands over what it made of a call as a loose record. */
function readRequest(endpoint: string, given: Record<string, unknown>) {
  const { method, prefixUrl, searchParams, headers, body } = given;
  const url = new URL(endpoint, `${String(prefixUrl).replace(/\/+$/, '')}/`);
  if (typeof searchParams === 'string') url.search = searchParams;
  return {
    method: typeof method === 'string' ? method : 'GET',
    url,
    headers: headers as Record<string, string>,
    body: typeof body === 'string' ? body : undefined,
  };
}

/** Nothing was asked: whoever waits learns when it makes sense again. */
function pausedError(error: GitLabError, retryAfterMs: number): GitLabError {
  return new GitLabError(error.failure, error.message, { status: error.status, retryAfterMs });
}
