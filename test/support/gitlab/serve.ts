import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { answerApi, authenticate, scopesOf } from './api.ts';
import { ApiRefusal } from './api-refusal.ts';
import type { FaultAct } from './faults.ts';
import { renderPage } from './pages/pages.ts';
import type { Answer } from './routes/route.ts';
import type { StandInGitLab } from './stand-in.ts';

/** Answers that `staleReads` repeats, by token and path, and when they were given. */
const lastAnswers = new WeakMap<StandInGitLab, Map<string, { readonly answer: Answer; readonly at: number }>>();

/** Answers one request; nothing that goes wrong in it ends the server. */
export async function serve(gitlab: StandInGitLab, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const method = request.method ?? 'GET';
  const path = request.url ?? '/';
  const record = (status: number) => gitlab.requests.push({ method, path, status, user: userOf(gitlab, request) });
  try {
    const fault = gitlab.faults.take(method, path);
    const answer = await answerWithFault(gitlab, request, fault);
    if (answer === 'cut') {
      record(0);
      // Not the request: one that was read to its end would leave the connection open.
      request.socket.destroy();
      return;
    }
    record(answer.status);
    send(response, answer, method);
  } catch (error) {
    // The client is gone: killed, or out of patience.
    if (isReset(error) || (request.destroyed && !request.complete)) return void record(0);
    gitlab.violations.push({
      method,
      path,
      message: error instanceof Error ? (error.stack ?? error.message) : String(error),
    });
    record(500);
    send(response, { status: 500, body: { message: '500 Internal Server Error' } }, method);
  }
}

function isReset(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ECONNRESET';
}

async function answerWithFault(
  gitlab: StandInGitLab,
  request: IncomingMessage,
  fault: FaultAct | undefined,
): Promise<Answer | 'cut'> {
  if (fault === undefined) return answer(gitlab, request);
  if (fault === 'close') return 'cut';
  if (fault === 'after-502' || fault === 'after-close') {
    await answer(gitlab, request);
    return fault === 'after-close'
      ? 'cut'
      : { status: 502, body: '<html><body>502 Bad Gateway</body></html>', headers: HTML };
  }
  if ('delayMs' in fault) {
    await sleep(fault.delayMs);
    return answer(gitlab, request);
  }
  if ('staleReads' in fault) {
    const old = request.method === 'GET' ? lastAnswers.get(gitlab)?.get(cacheKey(request)) : undefined;
    const isRecent = old !== undefined && Date.now() - old.at <= (fault.withinMs ?? Number.POSITIVE_INFINITY);
    return isRecent ? old.answer : answer(gitlab, request);
  }
  return { status: fault.status, body: fault.body, ...(fault.headers && { headers: fault.headers }) };
}

async function answer(gitlab: StandInGitLab, request: IncomingMessage): Promise<Answer> {
  const method = request.method ?? 'GET';
  const body = await readBody(request);
  const base = new URL(gitlab.url).pathname.replace(/\/$/, '');
  const url = new URL(request.url ?? '/', 'http://stand-in.invalid');
  const path = url.pathname.startsWith(`${base}/`) ? url.pathname.slice(base.length) : url.pathname;
  const violation = (message: string) => gitlab.violations.push({ method, path: request.url ?? '/', message });
  try {
    if (path.startsWith('/api/v4/')) {
      const api = {
        method,
        path: path.slice('/api/v4'.length),
        query: url.searchParams,
        headers: request.headers,
        body,
      };
      const given = await answerApi(gitlab, api, violation);
      if (method === 'GET') remember(gitlab, request, given);
      return given;
    }
    if (method === 'GET' && path === '/oauth/token/info') return tokenInfo(gitlab, request.headers);
    return (
      (method === 'GET' || method === 'HEAD'
        ? await answerSite(gitlab, { path, host: request.headers.host })
        : undefined) ?? unknown(method, path, violation)
    );
  } catch (error) {
    if (error instanceof ApiRefusal) return { status: error.status, body: error.body };
    throw error;
  }
}

/** What an OAuth token says of itself (doc/api/oauth2.md); other kinds are unknown here. */
function tokenInfo(gitlab: StandInGitLab, headers: IncomingMessage['headers']): Answer {
  const caller = authenticate(gitlab, { authorization: headers.authorization });
  if (!caller || caller.token.startsWith('glpat-')) throw new ApiRefusal(401, { error: 'invalid_token' });
  const { user, token } = caller;
  return { status: 200, body: { resource_owner_id: user.id, scope: scopesOf(user, token), expires_in_seconds: 7_200 } };
}

const HTML = { 'content-type': 'text/html; charset=utf-8' };

async function answerSite(
  gitlab: StandInGitLab,
  { path, host }: { readonly path: string; readonly host: string | undefined },
): Promise<Answer | undefined> {
  if (path === '/.well-known/openid-configuration') {
    return {
      status: 200,
      body: {
        issuer: gitlab.url,
        // By the name that was asked: a `*.localhost` of the public URL is known to browsers, not to every resolver.
        jwks_uri: `${host === undefined ? gitlab.url : `http://${host}${new URL(gitlab.url).pathname.replace(/\/$/, '')}`}/oauth/discovery/keys`,
        authorization_endpoint: `${gitlab.url}/oauth/authorize`,
        token_endpoint: `${gitlab.url}/oauth/token`,
        response_types_supported: ['code'],
        subject_types_supported: ['public'],
        id_token_signing_alg_values_supported: ['RS256'],
      },
    };
  }
  if (path === '/oauth/discovery/keys' || path === '/-/jwks')
    return { status: 200, body: await gitlab.keys.publicKeys() };
  if (path === '/-/health') return { status: 200, body: 'GitLab OK', headers: { 'content-type': 'text/plain' } };
  const page = await renderPage(gitlab, decodeURIComponent(path));
  return page === undefined ? undefined : { status: 200, body: page, headers: HTML };
}

function unknown(method: string, path: string, violation: (message: string) => void): Answer {
  // What browsers ask for by themselves is nobody's fault.
  if (path === '/favicon.ico') return { status: 404 };
  violation('the stand-in GitLab does not know this route');
  return { status: 501, body: { message: `The stand-in GitLab does not know ${method} ${path}.` } };
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

function send(response: ServerResponse, answer: Answer, method: string): void {
  const { body } = answer;
  const text =
    body === undefined ? '' : typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body);
  const type = typeof answer.body === 'string' ? 'text/plain; charset=utf-8' : 'application/json';
  response.writeHead(answer.status, { ...(text.length > 0 && { 'content-type': type }), ...answer.headers });
  response.end(method === 'HEAD' ? undefined : text);
}

const tokenOf = (request: IncomingMessage) =>
  String(request.headers['private-token'] ?? request.headers.authorization ?? '').replace(/^Bearer /i, '');
const cacheKey = (request: IncomingMessage) => `${tokenOf(request)} ${request.url}`;

function remember(gitlab: StandInGitLab, request: IncomingMessage, given: Answer): void {
  const answers = lastAnswers.get(gitlab) ?? new Map();
  lastAnswers.set(gitlab, answers);
  // The body may hold records that change: keep what was said, not what it says later.
  answers.set(cacheKey(request), { answer: { ...given, body: structuredClone(given.body) }, at: Date.now() });
}

function userOf(gitlab: StandInGitLab, request: IncomingMessage): string | null {
  const token = tokenOf(request);
  return gitlab.state.users.find(({ tokens }) => tokens.includes(token))?.username ?? null;
}
