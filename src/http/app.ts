import { OpenAPIHono } from '@hono/zod-openapi';
import { ProblemError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { ApiContext } from './api/context.ts';
import { apiRoutes } from './api/routes.ts';
import type { CiContext } from './ci-api/context.ts';
import { ciRoutes } from './ci-api/routes.ts';
import { describeRoutes } from './describe.ts';
import { answerProblem } from './problem.ts';
import { shownPath } from './shown-path.ts';
import { type WebhookContext, webhookRoutes } from './webhook.ts';

export interface AppContext {
  readonly api: ApiContext;
  readonly ci: CiContext;
  readonly webhook: WebhookContext;
  readonly log: Log;
  /** What `/metrics` answers: Prometheus' text format. */
  readonly metrics: { readonly contentType: string; text(): Promise<string> };
  /** JSON Schema of the app file. */
  readonly appFileSchema: unknown;
  /** Throws where the database cannot be written. */
  checkWritable(): void;
  /** Whether GitLab takes the service's token, as far as is known now. */
  gitlabState(): Promise<'ok' | 'unreachable' | 'rejected'>;
}

const SOON =
  'Branch deployments are linked from their merge requests. A dashboard comes with sign-in, which this version does not have yet.\n';

/** The service's own routes; previews never come here. */
export function createApp(context: AppContext): OpenAPIHono {
  const app = new OpenAPIHono();
  app.onError((error, c) => answerProblem(error, c, context.log));
  app.notFound((c) =>
    answerProblem(new ProblemError('not-found', 404, `There is nothing at ${shownPath(c.req.path)}.`), c, context.log),
  );

  app.get('/healthz', (c) => c.json({ status: 'up' }));
  app.get('/readyz', async (c) => {
    try {
      context.checkWritable();
    } catch {
      return c.json({ status: 'not ready', database: 'it cannot be written: check BD_DATA_DIR and its disk' }, 503);
    }
    const gitlab = await context.gitlabState();
    if (gitlab === 'rejected')
      return c.json(
        { status: 'not ready', gitlab: 'it rejects the token: check BD_GITLAB_TOKEN (scope api, not expired)' },
        503,
      );
    // Previews must stay up while GitLab is away.
    return c.json(gitlab === 'ok' ? { status: 'ready' } : { status: 'degraded', gitlab: 'it cannot be reached now' });
  });
  app.get('/metrics', async (c) =>
    c.body(await context.metrics.text(), 200, { 'content-type': context.metrics.contentType }),
  );
  app.get('/', (c) => c.text(SOON));
  app.get('/schema/branch-deployment.json', (c) => c.json(context.appFileSchema));
  app.route('/api', apiRoutes(context.api));
  app.route('/api/ci/v1', ciRoutes(context.ci));
  app.route('/webhooks', webhookRoutes(context.webhook));
  describeRoutes(app, context.api.publicUrl);
  return app;
}
