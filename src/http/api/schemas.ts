import { z } from '@hono/zod-openapi';
import { PHASES, STOP_REASONS } from '../../deployment/phase.ts';

/** What `/api` takes and answers. The routes are checked against these, and `/api/openapi.json` is made of them. */

const time = z.iso.datetime().openapi({ description: 'ISO 8601, UTC' });

export const ProblemBody = z
  .object({
    type: z
      .string()
      .openapi({ description: 'Stable name of the kind of problem', example: 'urn:branch-deployments:not-found' }),
    title: z.string(),
    status: z.int(),
    detail: z.string().openapi({ description: 'What to do, in a sentence or two' }),
  })
  .openapi('Problem', { description: 'RFC 9457' });

export const RevisionBody = z
  .object({
    number: z.int().openapi({ description: '1, 2, 3, … within the deployment' }),
    state: z.enum(['held', 'queued', 'starting', 'healthy', 'failed', 'superseded']),
    message: z.string().nullable().openapi({ description: 'Why it failed or was superseded' }),
    live: z.boolean().openapi({ description: 'Whether it gets the traffic' }),
    preset: z.string().openapi({ example: 'command' }),
    commit: z.object({
      sha: z.string(),
      title: z.string(),
      author_name: z.string(),
      created_at: time,
      web_url: z.string(),
    }),
    pushed_by: z.string(),
    parts: z
      .array(
        z.object({ name: z.string(), state: z.enum(['healthy', 'waiting', 'failed']), message: z.string().nullable() }),
      )
      .openapi({
        description:
          'Parts with a state of their own: code locations of a Dagster project. The message says why it failed; of a healthy one it is a warning',
      }),
    queued_at: time,
    started_at: time.nullable(),
    healthy_at: time.nullable(),
    ended_at: time.nullable().openapi({ description: 'When its outcome was known' }),
  })
  .openapi('Revision', { description: 'One push to a deployment, or one more try of it' });

export const EventBody = z
  .object({ at: time, type: z.string(), message: z.string() })
  .openapi('Event', { description: 'What happened, in a sentence' });

export const DeploymentBody = z
  .object({
    id: z.int(),
    name: z.string().openapi({ description: 'One DNS label, fixed for life', example: 'mr-7-shop-x4k9q2ab' }),
    url: z.string().openapi({ description: 'The preview' }),
    app: z.string().openapi({ description: 'Empty where the project has one app' }),
    project: z.object({ id: z.int(), path: z.string() }),
    merge_request: z.object({
      iid: z.int(),
      title: z.string(),
      state: z.enum(['opened', 'closed', 'merged', 'locked', 'deleted']),
      web_url: z.string(),
      source_branch: z.string(),
      target_branch: z.string(),
      head_sha: z.string(),
      head_not_deployed: z
        .object({ reason: z.enum(['skipped', 'failed', 'canceled']), pipeline_url: z.string().nullable() })
        .nullable()
        .openapi({ description: 'Why the newest commit is not deployed, where its pipeline will not bring it' }),
      unreadable_since: time
        .nullable()
        .openapi({ description: 'Since when GitLab does not show it; nothing is removed because of that alone' }),
      unreadable_why: z.string().nullable().openapi({ description: 'What GitLab says, and what to do' }),
    }),
    environment: z.string().openapi({ example: 'review/mr-7' }),
    wanted: z.enum(['running', 'stopped']),
    phase: z.enum(PHASES),
    queue_position: z
      .int()
      .nullable()
      .openapi({ description: 'From 1, where it waits for one of BD_MAX_RUNNING places' }),
    stop_reason: z.enum(STOP_REASONS).nullable(),
    stopping_since: time.nullable(),
    stop_tries: z.int().openapi({ description: 'How often its removal was tried and not seen through' }),
    stop_error: z.string().nullable().openapi({ description: 'What was in the way of its removal the last time' }),
    stopped_at: time.nullable(),
    created_at: time,
    latest_revision: RevisionBody.nullable(),
    live_revision: RevisionBody.nullable().openapi({ description: 'The one that gets the traffic' }),
  })
  .openapi('Deployment', { description: 'What one app has for one merge request' });

export const DeploymentDetailBody = DeploymentBody.extend({
  revisions: z.array(RevisionBody).openapi({ description: 'The newest 20; all of them are at …/revisions' }),
  events: z.array(EventBody).openapi({ description: 'The newest 20, newest first' }),
}).openapi('DeploymentDetail');

export const TakenBody = z
  .object({
    message: z.string().openapi({ description: 'What happens now, and where to see what comes of it' }),
    deployment: DeploymentBody,
  })
  .openapi('Taken');

export const NameParam = z.object({
  name: z.string().openapi({ param: { name: 'name', in: 'path' }, example: 'mr-7-shop-x4k9q2ab' }),
});

const page = {
  per_page: z.coerce.number().int().min(1).max(100).default(20),
  cursor: z
    .string()
    .regex(/^\d{1,15}$/, 'is not from the Link header of the page before')
    .transform(Number)
    .optional()
    .openapi({ type: 'string', description: 'From the Link header (rel="next") of the page before' }),
};

export const PageQuery = z.object(page);

export const ListQuery = z.object({
  project: z
    .string()
    .min(1)
    .max(500)
    .optional()
    .openapi({ description: 'Id or path of a project', example: 'data/shop' }),
  state: z.enum(PHASES).optional().openapi({ description: 'Only those in this phase' }),
  ...page,
});

export const LogQuery = z.object({
  revision: z.coerce
    .number()
    .int()
    .min(1)
    .optional()
    .openapi({ description: 'Number of the revision; default: the latest' }),
  follow: z.enum(['true', 'false']).default('false').openapi({ description: 'Go on until the outcome is known' }),
});
