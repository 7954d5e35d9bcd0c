import { type Context, Hono } from 'hono';
import { ProblemError } from '../../errors.ts';
import { isAbout } from '../about.ts';
import { LOG_HEADERS } from '../follow-log.ts';
import { limitBody } from '../limit-body.ts';
import { renderAnswer } from './answer.ts';
import type { CiContext } from './context.ts';
import { beginDeploy } from './deploy.ts';
import { followJob, jobOutcome } from './follow.ts';
import { valuesIn } from './hand-over.ts';
import { checkComponent, parseDeployRequest, parseStopRequest } from './request.ts';
import { takeSource } from './source.ts';
import { withoutStalls } from './stalled-body.ts';
import { stopDeployment } from './stop.ts';

const FORM_BYTES = 64 * 1024;

/** `/api/ci/v1`: the doors of the component's jobs. Each request carries the job's own ID token. */
export function ciRoutes(context: CiContext): Hono {
  const app = new Hono();
  const claimsOf = async (c: Context) => {
    checkComponent(c.req.header('bd-component'));
    const token = /^Bearer (\S+)$/i.exec(c.req.header('authorization') ?? '')?.[1];
    if (token === undefined)
      throw new ProblemError(
        'no-token',
        401,
        'The request carries no ID token. Use the jobs of the component branch-deployment.',
      );
    const claims = await context.verifyToken(token);
    isAbout(c, { project: claims.runningProjectId, pipeline: claims.pipelineId, job: claims.jobId });
    return claims;
  };
  const form = limitBody(
    FORM_BYTES,
    "The job's inputs are larger than 64 KiB together, with the values of the variables that it hands over (each in URL encoding): shorten them, or name fewer variables.",
  );

  app.post('/deploy', form, async (c) => {
    const claims = await claimsOf(c);
    const sent = await c.req.parseBody();
    const request = parseDeployRequest(sent);
    isAbout(c, { mergeRequest: request.merge_request_iid });
    return c.text(renderAnswer(await beginDeploy(context, claims, { ...request, values: valuesIn(sent) })));
  });
  app.put('/source', async (c) => {
    const claims = await claimsOf(c);
    const declared = Number(c.req.header('content-length'));
    const body: AsyncIterable<Uint8Array> = c.req.raw.body ?? emptyBody();
    return c.text(
      renderAnswer(
        await takeSource(context, claims, {
          body: withoutStalls(body),
          ...(Number.isSafeInteger(declared) && declared > 0 ? { declaredBytes: declared } : {}),
        }),
      ),
    );
  });
  app.get('/log', async (c) => {
    const claims = await claimsOf(c);
    const from = Number(c.req.query('from') ?? 0);
    if (!Number.isSafeInteger(from) || from < 0)
      throw new ProblemError('invalid-input', 422, '"from" must be a byte offset.');
    const stream = followJob(context, claims.jobId, { from, signal: c.req.raw.signal });
    return c.body(stream, 200, LOG_HEADERS);
  });
  app.get('/outcome', async (c) => {
    const claims = await claimsOf(c);
    return c.text(renderAnswer(jobOutcome(context, claims.jobId)));
  });
  app.post('/stop', form, async (c) => {
    const claims = await claimsOf(c);
    const request = parseStopRequest(await c.req.parseBody());
    isAbout(c, { mergeRequest: request.merge_request_iid });
    return c.text(renderAnswer(await stopDeployment(context, claims, request)));
  });
  return app;
}

async function* emptyBody(): AsyncGenerator<Uint8Array> {}
