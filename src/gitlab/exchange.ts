import { errorCode } from './retry-policy.ts';

const MOST_REDIRECTS = 3;

/** One exchange with GitLab, for logs and metrics: each try has its own. */
export interface RequestReport {
  readonly method: string;
  /** Path with ids replaced, so that it can be a label: `projects/:id/merge_requests/:id/notes`. */
  readonly route: string;
  readonly status?: number;
  /** Set where there is no status: `timeout`, or the code of the failure (`ECONNREFUSED`). */
  readonly failure?: string;
  readonly ms: number;
  /** `RateLimit-Remaining`, where GitLab says it. */
  readonly rateLimitRemaining?: number;
}

/**
 * One request and its whole answer. The body is read here, so that a connection that breaks within it counts as a
 * failed try, and so that the time limit covers it.
 *
 * Redirects are followed for GET within GitLab's own origin (GitLab redirects the old path of a moved project):
 * `fetch` would carry the `PRIVATE-TOKEN` header to any host.
 */
export async function exchange(
  request: Request,
  onRequest: ((report: RequestReport) => void) | undefined,
): Promise<Response> {
  const report = reportOf(request, onRequest);
  try {
    const response = await fetchWithin(request);
    const text = await response.text();
    report(response);
    const { status, headers } = response;
    return new Response(status === 204 || status === 304 ? null : text, { status, headers });
  } catch (error) {
    report(error);
    throw error;
  }
}

/** Reports how an exchange that begins now went: with its answer, or with what it failed with. */
export function reportOf(
  request: Request,
  onRequest: ((report: RequestReport) => void) | undefined,
): (outcome: unknown) => void {
  const startedAt = performance.now();
  const begun = { method: request.method, route: routeOf(new URL(request.url).pathname) };
  return (outcome) => {
    const ms = performance.now() - startedAt;
    if (outcome instanceof Response) {
      const { status, headers } = outcome;
      return onRequest?.({ ...begun, status, ms, ...rateLimitOf(headers) });
    }
    const late = outcome instanceof Error && /^(TimeoutError|AbortError)$/.test(outcome.name);
    onRequest?.({ ...begun, failure: late ? 'timeout' : (errorCode(outcome) ?? 'failed'), ms });
  };
}

function rateLimitOf(headers: Headers): Pick<RequestReport, 'rateLimitRemaining'> {
  const left = headers.get('ratelimit-remaining')?.trim();
  return left && /^\d+$/.test(left) ? { rateLimitRemaining: Number(left) } : {};
}

/** Follows redirects of a GET within the origin that it is sent to; any other redirect is the answer. */
export async function fetchWithin(request: Request): Promise<Response> {
  let response = await fetch(request);
  for (let hop = 0; hop < MOST_REDIRECTS && request.method === 'GET'; hop += 1) {
    const location = response.status >= 300 && response.status < 400 ? response.headers.get('location') : null;
    if (location === null || !URL.canParse(location, request.url)) break;
    const target = new URL(location, request.url);
    if (target.origin !== new URL(request.url).origin) break;
    await response.body?.cancel();
    response = await fetch(target, { headers: request.headers, signal: request.signal, redirect: 'manual' });
  }
  return response;
}

/** `/gitlab/api/v4/projects/7/environments/3/stop` → `projects/:id/environments/:id/stop`. */
function routeOf(pathname: string): string {
  return pathname
    .replace(/^.*?\/api\/v4\//, '')
    .split('/')
    .map((part) => (/^\d+$/.test(part) || part.includes('%') ? ':id' : /^[0-9a-f]{40,64}$/i.test(part) ? ':sha' : part))
    .join('/');
}
