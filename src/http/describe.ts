import type { OpenAPIHono } from '@hono/zod-openapi';
import { VERSION } from '../version.ts';

type Method = 'get' | 'post' | 'put';

/** Routes that nobody calls by this description: they are listed, and what they take and answer is said in a sentence. */
const LISTED: ReadonlyArray<readonly [Method, string, string, Readonly<Record<number, string>>]> = [
  ['get', '/', 'The front page', { 200: 'Text' }],
  ['get', '/healthz', 'Whether the process is up', { 200: 'It is' }],
  [
    'get',
    '/readyz',
    'Whether the database can be written and GitLab takes the token',
    { 200: 'Ready, or degraded: GitLab cannot be reached now', 503: 'Not ready, and why' },
  ],
  ['get', '/metrics', 'Metrics for Prometheus', { 200: 'Text' }],
  ['get', '/schema/branch-deployment.json', 'JSON Schema of the app file', { 200: 'The schema' }],
  ['get', '/api/openapi.json', 'This description', { 200: 'OpenAPI 3.1' }],
  [
    'post',
    '/webhooks/gitlab',
    "GitLab's webhooks",
    { 200: 'Whether it was accepted, and why not', 401: 'Wrong proof', 413: 'Over 25 MB' },
  ],
  ['post', '/api/ci/v1/deploy', 'For the component: a deploy job begins', { 200: 'Lines of text' }],
  ['put', '/api/ci/v1/source', "For the component: a job's archive", { 200: 'Lines of text' }],
  ['get', '/api/ci/v1/log', "For the component: the log of a job's revision", { 200: 'Text, until the outcome' }],
  ['get', '/api/ci/v1/outcome', 'For the component: how a job ends', { 200: 'Lines of text' }],
  ['post', '/api/ci/v1/stop', 'For the component: a stop job', { 200: 'Lines of text' }],
];

/** Serves `/api/openapi.json`, made of the schemas that the routes themselves are checked against. Call it when all routes are there. */
export function describeRoutes(app: OpenAPIHono, publicUrl: string): void {
  const { openAPIRegistry: registry } = app;
  registry.registerComponent('securitySchemes', 'privateToken', {
    type: 'apiKey',
    in: 'header',
    name: 'PRIVATE-TOKEN',
    description: 'A personal, project or group access token of GitLab, scope read_api; api to act',
  });
  registry.registerComponent('securitySchemes', 'bearer', {
    type: 'http',
    scheme: 'bearer',
    description: 'The same, or an OAuth token of GitLab',
  });
  for (const [method, path, summary, responses] of LISTED) {
    registry.registerPath({
      method,
      path,
      summary,
      responses: Object.fromEntries(
        Object.entries(responses).map(([status, description]) => [status, { description }]),
      ),
    });
  }
  let made: unknown;
  app.get('/api/openapi.json', (c) => {
    made ??= app.getOpenAPI31Document({
      openapi: '3.1.0',
      info: {
        title: 'Branch Deployments for GitLab',
        version: VERSION,
        description: 'Errors are problems (RFC 9457): a stable type, and a sentence that says what to do.',
      },
      servers: [{ url: publicUrl }],
    });
    return c.json(made);
  });
}
