import { ApiRefusal } from './api-refusal.ts';
import { checkRequest } from './openapi/check.ts';
import { routes } from './routes/all.ts';
import { type Answer, type Call, forbidden, notFound, type Route } from './routes/route.ts';
import type { StandInGitLab } from './stand-in.ts';
import type { Project, User } from './state.ts';

export interface ApiRequest {
  readonly method: string;
  /** Below `/api/v4`, still encoded. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

const table = routes.map((route) => ({ route, parts: route.path.split('/') }));

/** Who sends the request, and with which token; undefined where it carries none. Throws for a token that is nobody's. */
export function authenticate(
  gitlab: StandInGitLab,
  headers: ApiRequest['headers'],
): { readonly user: User; readonly token: string } | undefined {
  const bearer = /^Bearer (.+)$/i.exec(String(headers.authorization ?? ''))?.[1];
  const token = headers['private-token'] ?? bearer;
  if (token === undefined) return undefined;
  const user = gitlab.state.users.find(({ tokens }) => tokens.includes(String(token)));
  if (!user) throw new ApiRefusal(401, { message: '401 Unauthorized' });
  return { user, token: String(token) };
}

export function scopesOf(user: User, token: string): readonly string[] {
  return user.scopes[token] ?? ['api'];
}

/** Reading takes `read_api` at least, all else `api`; a token may always look at itself (lib/api/api_guard.rb, self_information.rb). */
function checkScope({ method, path }: Route, scopes: readonly string[]): void {
  if (path === '/personal_access_tokens/self') return;
  const taken = method !== 'GET' ? ['api'] : path === '/user' ? ['api', 'read_api', 'read_user'] : ['api', 'read_api'];
  if (taken.some((scope) => scopes.includes(scope))) return;
  throw new ApiRefusal(403, {
    error: 'insufficient_scope',
    error_description: 'The request requires higher privileges than provided by the access token.',
    scope: taken.join(' '),
  });
}

/** Answers one request of the REST API, or throws an `ApiRefusal`. Calls `violation` with what no client should ask. */
export async function answerApi(
  gitlab: StandInGitLab,
  request: ApiRequest,
  violation: (message: string) => void,
): Promise<Answer> {
  const match = findRoute(request);
  if (!match) {
    violation('the stand-in GitLab does not know this route');
    throw new ApiRefusal(501, { message: `The stand-in GitLab does not know ${request.method} ${request.path}.` });
  }
  const caller = authenticate(gitlab, request.headers);
  if (!caller) throw new ApiRefusal(401, { message: '401 Unauthorized' });
  const { user, token } = caller;
  checkScope(match.route, scopesOf(user, token));
  const input = readInput(request);
  const fault = checkRequest(`${match.route.method} ${match.route.path}`, input);
  if (fault !== undefined) {
    violation(fault);
    throw new ApiRefusal(400, { error: fault });
  }
  // GitLab's own default; the description does not say so.
  for (const [key, value] of Object.entries(input)) if (value === null && key !== 'external_url') delete input[key];
  const project = match.route.level === null ? null : admit(gitlab, match.route, { user, key: match.params.id ?? '' });
  // Routes without a project do not read it (Call).
  return match.route.handle({
    gitlab,
    user,
    token,
    params: match.params,
    input,
    project: project as Project,
  } satisfies Call);
}

function findRoute(request: ApiRequest): { route: Route; params: Record<string, string> } | undefined {
  const segments = request.path.split('/');
  for (const { route, parts } of table) {
    if (route.method !== request.method || parts.length !== segments.length) continue;
    const params: Record<string, string> = {};
    const fits = parts.every((part, index) => {
      const segment = segments[index] ?? '';
      if (!part.startsWith('{')) return part === segment;
      params[part.slice(1, -1)] = decodeURIComponent(segment);
      return segment !== '';
    });
    if (fits) return { route, params };
  }
  return undefined;
}

/** Who is no member of a private project is told that there is none. */
function admit(gitlab: StandInGitLab, route: Route, options: { readonly user: User; readonly key: string }): Project {
  const project = gitlab.state.projects.find(({ id, path }) => String(id) === options.key || path === options.key);
  const level = project ? gitlab.accessLevel(project, options.user.id) : 0;
  if (!project || (level === 0 && project.visibility === 'private')) throw notFound('Project');
  const readable = project.visibility === 'public' && route.method === 'GET';
  if (!readable && level < (route.level ?? 0)) throw forbidden();
  return project;
}

function readInput(request: ApiRequest): Record<string, unknown> {
  const input: Record<string, unknown> = {};
  const add = (params: URLSearchParams) => {
    for (const [key, value] of params) {
      if (key.endsWith('[]')) input[key.slice(0, -2)] = params.getAll(key);
      else input[key] = value;
    }
  };
  add(request.query);
  if (request.body === '') return input;
  const type = String(request.headers['content-type'] ?? '');
  if (type.startsWith('application/x-www-form-urlencoded')) add(new URLSearchParams(request.body));
  else if (type.startsWith('application/json')) Object.assign(input, parseJson(request.body));
  else throw new ApiRefusal(415, { error: `The provided content-type '${type}' is not supported.` });
  return input;
}

function parseJson(body: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(body);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  } catch {
    // Falls through: GitLab says the same of both.
  }
  throw new ApiRefusal(400, { error: 'problem parsing JSON' });
}
