import { GitLabError } from '../errors.ts';
import { errorCode, neverSent } from './retry-policy.ts';

const LONGEST_DETAIL = 300;

/** An answer as it came, body read. */
export interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly text: string;
  readonly location: string | null;
}

/** What failed, for messages: `GET projects/7/environments`. */
export interface FailedRequest {
  readonly what: string;
  /** Taken out of whatever GitLab or a proxy echoes. */
  readonly token: string;
  readonly retryAfterMs?: number | undefined;
}

/** Says what an answer outside 2xx means. The text of the answer is quoted short and on one line, a web page not at all. */
export function answerError(answer: Answer, request: FailedRequest): GitLabError {
  const { status } = answer;
  const body = parseJson(answer.text);
  const detail = describe(answer, body, request.token);
  const message = `GitLab answered ${status} to ${request.what}${detail ? `: ${detail}` : ''}`;
  const options = { status, retryAfterMs: request.retryAfterMs };
  if (status === 401) return new GitLabError('unauthorized', `${message}. ${TOKEN_ADVICE}`, options);
  if (status === 403) return new GitLabError('forbidden', `${message}. ${FORBIDDEN_ADVICE}`, options);
  if (status === 429) return new GitLabError('rate-limited', message, options);
  if (status >= 500) return new GitLabError('unreachable', message, options);
  // A proxy's own 404 page must never look like a merge request that is gone: things are removed because of it.
  if (status === 404 && isObject(body)) return new GitLabError('not-found', message, options);
  if (status >= 300 && status < 400) return new GitLabError('invalid', redirectMessage(answer, request), options);
  return new GitLabError('invalid', status === 404 ? `${message}. ${ADDRESS_ADVICE}` : message, options);
}

const TOKEN_ADVICE =
  'The token is wrong, expired or revoked: give BD_GITLAB_TOKEN a valid token of the bot user with the scope "api"';
const FORBIDDEN_ADVICE =
  'BD_GITLAB_TOKEN needs the scope "api", and its user at least the role Developer in the project';
const ADDRESS_ADVICE =
  "This does not come from GitLab's API: BD_GITLAB_URL must be the base URL of GitLab, with no sign-in page or other proxy answering before it";

/** A 2xx that is no JSON. */
export function notJsonError(answer: Answer, request: FailedRequest): GitLabError {
  return notMeant(answer, request, 'something that is not JSON');
}

/** A 2xx that is no archive. */
export function notArchiveError(answer: Answer, request: FailedRequest): GitLabError {
  return notMeant(answer, request, 'something that is no archive');
}

function notMeant(answer: Answer, request: FailedRequest, otherwise: string): GitLabError {
  const kind = isHtml(answer) ? 'a web page' : otherwise;
  return new GitLabError('invalid', `GitLab answered ${kind} to ${request.what}. ${ADDRESS_ADVICE}`, {
    status: answer.status,
  });
}

/** No answer at all. The cause is not handed on: it may hold the request with its headers. */
export function noAnswerError(error: unknown, request: FailedRequest & { readonly method: string }): GitLabError {
  const late = error instanceof Error && /^(TimeoutError|AbortError)$/.test(error.name);
  const why = late ? 'no answer in time' : (errorCode(error) ?? 'the connection failed');
  const acted = request.method === 'POST' && !neverSent(error) ? '; GitLab may have acted all the same' : '';
  return new GitLabError('unreachable', `GitLab could not be reached for ${request.what}: ${why}${acted}`, {
    retryAfterMs: request.retryAfterMs,
  });
}

/** The value of a JSON text, undefined where it is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function redirectMessage({ status, location }: Answer, { what }: FailedRequest): string {
  const target = location !== null && URL.canParse(location) ? new URL(location).origin : undefined;
  return `GitLab answered ${status} to ${what}: a redirect${target ? ` to ${target}` : ''}, which is not followed with the token. Set BD_GITLAB_URL to the address that GitLab is served at`;
}

/** GitLab says it in `message` (text, or an object by field) or in `error` with `error_description`. */
function describe(answer: Answer, body: unknown, token: string): string {
  let text = '';
  if (isObject(body)) {
    const parts = [body.message, body.error, body.error_description].filter((part) => part != null);
    text = parts.map((part) => (typeof part === 'string' ? part : JSON.stringify(part))).join(': ');
  } else if (body === undefined && !isHtml(answer)) {
    text = answer.text;
  }
  return oneLine(text, token);
}

/** The token is taken out before the text is cut: a cut token would not be found. */
function oneLine(text: string, token: string): string {
  const clean = text
    .slice(0, 100_000)
    .replaceAll(token, '[token]')
    .replaceAll(/[\s\p{Cc}]+/gu, ' ')
    .trim();
  return clean.length > LONGEST_DETAIL ? `${clean.slice(0, LONGEST_DETAIL)}…` : clean;
}

function isHtml({ contentType, text }: Answer): boolean {
  return contentType.includes('html') || /^\s*</.test(text);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
