import type { Context } from 'hono';
import { HTTPException } from 'hono/http-exception';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { GitLabError, messageOf, ProblemError } from '../errors.ts';
import type { Log } from '../log.ts';
import { shownPath } from './shown-path.ts';
import './about.ts';

interface Problem {
  readonly type: string;
  readonly status: number;
  readonly detail: string;
  readonly retryAfterSeconds?: number;
}

function problemOf(error: unknown): Problem {
  if (error instanceof ProblemError) return { type: error.type, status: error.status, detail: error.message };
  if (error instanceof HTTPException)
    return {
      type: 'http',
      status: error.status,
      detail: error.message || `The request was refused (${error.status}).`,
    };
  if (error instanceof GitLabError) return problemOfGitLab(error);
  return { type: 'internal', status: 500, detail: 'The service failed at this request; its log says why. Try again.' };
}

/** GitLab out of reach is a reason to come back; a missing right is one to change something, but nothing that the caller can. */
function problemOfGitLab(error: GitLabError): Problem {
  if (error.failure === 'not-found')
    return {
      type: 'not-found',
      status: 403,
      detail: `GitLab does not show this to the service's user (BD_GITLAB_TOKEN): ${error.message}`,
    };
  const retryAfterSeconds = Math.ceil((error.retryAfterMs ?? 5_000) / 1000);
  if (error.failure === 'unauthorized' || error.failure === 'forbidden') {
    return {
      type: 'gitlab-refused',
      status: 503,
      detail: `GitLab refused the service's token; its operator must check BD_GITLAB_TOKEN: ${error.message}`,
      retryAfterSeconds: 30,
    };
  }
  return {
    type: 'gitlab-unreachable',
    status: 503,
    detail: `The service cannot reach GitLab now: ${error.message}`,
    retryAfterSeconds,
  };
}

/** Answers an error: text for the pipeline's jobs, `application/problem+json` (RFC 9457) for all others. Never with a stack. */
export function answerProblem(error: unknown, c: Context, log: Log): Response {
  const problem = problemOf(error);
  // What is not there yet fails for nobody's fault.
  if (problem.status >= 500 && problem.status !== 501)
    log.error(
      {
        ...c.get('about'),
        path: shownPath(c.req.path),
        status: problem.status,
        error: messageOf(error),
        stack: error instanceof Error ? error.stack : undefined,
      },
      'a request failed',
    );
  else
    log.info(
      {
        decision: 'refused',
        ...c.get('about'),
        path: shownPath(c.req.path),
        status: problem.status,
        type: problem.type,
      },
      'a request was refused',
    );
  const headers: Record<string, string> = { 'cache-control': 'no-store' };
  if (problem.retryAfterSeconds !== undefined) headers['retry-after'] = String(problem.retryAfterSeconds);
  if (problem.status === 401) headers['www-authenticate'] = 'Bearer';
  // The rest of the body is not read (RFC 9110 §15.5.14): nothing else can be asked on this connection.
  if (problem.status === 413 || problem.status === 408 || problem.type === 'busy') headers.connection = 'close';
  const status = problem.status as ContentfulStatusCode;
  if (c.req.path.startsWith('/api/ci/')) return c.text(`${problem.detail}\n`, status, headers);
  const body = {
    type: `urn:branch-deployments:${problem.type}`,
    title: problem.type.replaceAll('-', ' '),
    status: problem.status,
    detail: problem.detail,
  };
  return c.body(JSON.stringify(body), status, { ...headers, 'content-type': 'application/problem+json' });
}
