import { createRoute, z } from '@hono/zod-openapi';
import { ChangesBody } from './schemas/changes.ts';
import {
  DeploymentBody,
  DeploymentDetailBody,
  ListQuery,
  LogQuery,
  NameParam,
  PageQuery,
  ProblemBody,
  RevisionBody,
  TakenBody,
} from './schemas.ts';

/** The routes of `/api/deployments`, as they are checked and as `/api/openapi.json` describes them. */

const json = <T extends z.ZodType>(schema: T, description: string) => ({
  description,
  content: { 'application/json': { schema } },
});
const problem = (description: string) => ({
  description,
  content: { 'application/problem+json': { schema: ProblemBody } },
});
const page = <T extends z.ZodType>(schema: T, description: string) => ({
  ...json(z.array(schema), description),
  headers: z.object({
    Link: z.string().optional().openapi({ description: 'rel="next": the page after, where there is one (RFC 8288)' }),
  }),
});

const security = [{ privateToken: [] }, { bearer: [] }];
const refusals = {
  401: problem('No token, or one that GitLab rejects'),
  422: problem('A parameter is malformed'),
  503: problem('GitLab cannot be asked now; Retry-After says when to come back'),
};
const notFound = {
  404: problem(
    'There is no such deployment, or the caller has not the role in its project (Reporter to read, Developer to act)',
  ),
};
const readOnly = { 403: problem('The token is for reading only: acting takes the scope api') };
const notYet = { 501: problem('Not there yet in this version') };

export const listRoute = createRoute({
  method: 'get',
  path: '/deployments',
  summary: 'Deployments of the projects in which the caller is at least Reporter, newest first',
  security,
  request: { query: ListQuery },
  responses: { 200: page(DeploymentBody, 'One page'), ...refusals },
});

export const showRoute = createRoute({
  method: 'get',
  path: '/deployments/{name}',
  summary: 'One deployment, with its newest revisions and events',
  security,
  request: { params: NameParam },
  responses: { 200: json(DeploymentDetailBody, 'The deployment'), ...refusals, ...notFound },
});

export const revisionsRoute = createRoute({
  method: 'get',
  path: '/deployments/{name}/revisions',
  summary: 'Revisions of a deployment, newest first',
  security,
  request: { params: NameParam, query: PageQuery },
  responses: { 200: page(RevisionBody, 'One page'), ...refusals, ...notFound },
});

export const logRoute = createRoute({
  method: 'get',
  path: '/deployments/{name}/log',
  summary: 'The log of a revision: what the service did, and what the app printed until it was healthy',
  security,
  request: { params: NameParam, query: LogQuery },
  responses: {
    200: { description: 'The log', content: { 'text/plain': { schema: z.string() } } },
    ...refusals,
    ...notFound,
  },
});

export const changesRoute = createRoute({
  method: 'get',
  path: '/deployments/{name}/changes',
  summary: 'What the branch changes of the code that it is compared with',
  security,
  request: { params: NameParam },
  responses: { 200: json(ChangesBody, 'What is known of it'), ...refusals, ...notFound },
});

const act = (action: string, summary: string) => ({
  method: 'post' as const,
  path: `/deployments/{name}/${action}` as const,
  summary,
  security,
  request: { params: NameParam },
});
const taken = { 202: json(TakenBody, 'It is wanted now; what comes of it is an event of the deployment') };
const conflict = { 409: problem('The merge request was merged, or is gone') };

export const redeployRoute = createRoute({
  ...act('redeploy', 'Runs the latest source again'),
  path: '/deployments/{name}/redeploy',
  responses: { ...taken, ...refusals, ...notFound, ...readOnly, ...conflict },
});
export const stopRoute = createRoute({
  ...act('stop', 'Removes the deployment until the next push or redeploy'),
  path: '/deployments/{name}/stop',
  responses: { ...taken, ...refusals, ...notFound, ...readOnly },
});
export const sleepRoute = createRoute({
  ...act('sleep', 'Stops the instance until the next request (not there yet)'),
  path: '/deployments/{name}/sleep',
  responses: { ...refusals, ...notFound, ...readOnly, ...notYet },
});
export const wakeRoute = createRoute({
  ...act('wake', 'Starts a sleeping instance (not there yet)'),
  path: '/deployments/{name}/wake',
  responses: { ...refusals, ...notFound, ...readOnly, ...notYet },
});
