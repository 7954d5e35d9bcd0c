import { OpenAPIHono } from '@hono/zod-openapi';
import type { Context, TypedResponse } from 'hono';
import { type AccessLevel, DEVELOPER, REPORTER } from '../../deployment/gitlab-facts.ts';
import { exitCodeOf } from '../../deployment/outcome.ts';
import { ProblemError } from '../../errors.ts';
import { deploymentFields } from '../../log.ts';
import type { DeploymentRow } from '../../store/schema.ts';
import { requestRedeploy, wantStopped } from '../../store/want.ts';
import { followLog, LOG_HEADERS } from '../follow-log.ts';
import { type Caller, createAccess } from './access.ts';
import { callerToken } from './caller-token.ts';
import type { ApiContext } from './context.ts';
import { decoyProject } from './decoy-project.ts';
import * as routes from './definitions.ts';
import { nextPage } from './next-page.ts';
import { presentDeployments, presentEvent, presentRevision } from './present.ts';
import { presentChanges } from './present-changes.ts';

/** So many of the newest revisions and events come with a deployment. */
const NEWEST = 20;

/** `/api`: what people and the command line read and ask for, with a GitLab token of theirs. */
export function apiRoutes(context: ApiContext): OpenAPIHono {
  const { store, log, now } = context;
  const access = createAccess(context);
  const app = new OpenAPIHono({
    defaultHook: (result) => {
      if (result.success) return;
      const { path, message } = result.error.issues[0] as { path: PropertyKey[]; message: string };
      throw new ProblemError('invalid-input', 422, `"${path.map(String).join('.')}": ${message}.`);
    },
  });
  app.use('/deployments/*', async (c, next) => {
    await next();
    c.header('cache-control', 'no-store');
  });

  app.openapi(routes.listRoute, async (c) => {
    const { project, state, per_page, cursor } = c.req.valid('query');
    const caller = await callerOf(c);
    const { meant, asked } = projectsOf(project);
    const allowed = await access.withRole(caller, asked, REPORTER);
    const readable = allowed.filter((id) => meant.includes(id));
    const found = store.reading.list({ projectIds: readable, phase: state, before: cursor, limit: per_page + 1 });
    const page = found.slice(0, per_page);
    if (found.length > per_page) c.header('link', nextPage(c, context.publicUrl, page.at(-1)?.deployment.id as number));
    return c.json(presentDeployments(context, page), 200);
  });
  app.openapi(routes.showRoute, async (c) => {
    const { deployment } = await admit(c, REPORTER);
    const [body] = presentDeployments(context, [listed(deployment)]);
    const revisions = store.reading.revisions(deployment.id, { limit: NEWEST });
    const events = store.reading.events(deployment.id, NEWEST);
    return c.json(
      {
        ...(body as NonNullable<typeof body>),
        revisions: revisions.map((revision) => presentRevision(revision, deployment)),
        events: events.map(presentEvent),
      },
      200,
    );
  });
  app.openapi(routes.revisionsRoute, async (c) => {
    const { deployment } = await admit(c, REPORTER);
    const { per_page, cursor } = c.req.valid('query');
    const found = store.reading.revisions(deployment.id, { before: cursor, limit: per_page + 1 });
    const page = found.slice(0, per_page);
    if (found.length > per_page) c.header('link', nextPage(c, context.publicUrl, page.at(-1)?.number as number));
    return c.json(
      page.map((revision) => presentRevision(revision, deployment)),
      200,
    );
  });
  app.openapi(routes.logRoute, async (c) => {
    const { deployment } = await admit(c, REPORTER);
    const { revision: number, follow } = c.req.valid('query');
    const before = number === undefined ? undefined : number + 1;
    const revision = store.reading.revisions(deployment.id, { before, limit: 1 })[0];
    if (revision === undefined || (number !== undefined && revision.number !== number))
      throw new ProblemError('no-revision', 404, `${deployment.name} has no revision ${number ?? 'yet'}.`);
    const ended = () => {
      const state = store.revisions.get(revision.id)?.state;
      return follow === 'false' || state === undefined || exitCodeOf(state) !== undefined;
    };
    const stream = followLog(context.logs, revision.id, { from: 0, signal: c.req.raw.signal, ended });
    // The type knows text only as a whole; here it comes in pieces.
    return c.body(stream, 200, LOG_HEADERS) as unknown as TypedResponse<string, 200, 'text'>;
  });
  app.openapi(routes.changesRoute, async (c) => {
    const { deployment } = await admit(c, REPORTER);
    return c.json(presentChanges(store, deployment), 200);
  });
  app.openapi(routes.redeployRoute, async (c) => {
    const { caller, deployment } = await admit(c, DEVELOPER);
    const state = store.mergeRequests.get(deployment.mergeRequestId)?.state;
    if (state === 'merged' || state === 'deleted')
      throw new ProblemError('not-open', 409, `The merge request is ${state}: nothing brings its deployment back.`);
    requestRedeploy(store, deployment, { by: caller.name, now: now() });
    say(caller, deployment, 'redeploy');
    return c.json(
      taken(deployment, 'Its latest source runs again; the events of the deployment say what comes of it.'),
      202,
    );
  });
  app.openapi(routes.stopRoute, async (c) => {
    const { caller, deployment } = await admit(c, DEVELOPER);
    wantStopped(store, deployment, { reason: 'undeployed', now: now() });
    say(caller, deployment, 'stop');
    return c.json(taken(deployment, 'It is being removed, until the next push or redeploy.'), 202);
  });
  app.openapi(routes.sleepRoute, async (c) => {
    await admit(c, DEVELOPER);
    return notYet('Sleeping');
  });
  app.openapi(routes.wakeRoute, async (c) => {
    await admit(c, DEVELOPER);
    return notYet('Waking');
  });
  return app;

  function callerOf(c: Context): Promise<Caller> {
    return access.identify(callerToken(c.req.raw.headers));
  }

  /** Who may not see a deployment is told what is said of one that does not exist, after the same questions to GitLab. */
  async function admit(c: Context, level: AccessLevel): Promise<{ caller: Caller; deployment: DeploymentRow }> {
    const name = c.req.param('name') ?? '';
    const caller = await callerOf(c);
    const deployment = store.deployments.named(name);
    const projectId = deployment?.projectId ?? decoyProject(name, store.reading.projectIds());
    const role = projectId === undefined ? 0 : await access.role(caller, projectId, { fresh: level > REPORTER });
    if (deployment === undefined || role < level)
      throw new ProblemError(
        'not-found',
        404,
        'There is no deployment of this name, or you have not the role in its project that this takes (Reporter to read, Developer to act).',
      );
    if (level > REPORTER) await access.requireActing(caller);
    return { caller, deployment: store.deployments.named(name) ?? deployment };
  }

  /** A number is asked about whether it is known or not, and for an unknown path another one is: the time it takes tells nothing. */
  function projectsOf(project: string | undefined): { readonly meant: number[]; readonly asked: number[] } {
    const all = store.reading.projectIds();
    if (project === undefined) return { meant: all, asked: all };
    const meant = /^\d{1,15}$/.test(project) ? [Number(project)] : store.reading.projectIds(project);
    return { meant, asked: meant.length > 0 ? meant : [decoyProject(project, all) ?? []].flat() };
  }

  function listed(deployment: DeploymentRow) {
    const mergeRequest = store.mergeRequests.get(deployment.mergeRequestId);
    if (!mergeRequest) throw new Error(`deployment ${deployment.id} has no merge request`);
    return { deployment, mergeRequest };
  }

  function taken({ name }: DeploymentRow, message: string) {
    const [deployment] = presentDeployments(context, [listed(store.deployments.named(name) as DeploymentRow)]);
    return { message, deployment: deployment as NonNullable<typeof deployment> };
  }

  function say(caller: Caller, deployment: DeploymentRow, asked: 'redeploy' | 'stop'): void {
    log.info({ decision: asked, ...deploymentFields(deployment), by: caller.username }, 'asked for through the API');
  }
}

function notYet(what: string): never {
  throw new ProblemError('not-yet', 501, `${what} is not there yet in this version.`);
}
