import { z } from '@hono/zod-openapi';

const reason = z.enum([
  'NEW',
  'REMOVED',
  'CODE_VERSION',
  'SOURCE',
  'DEPENDENCIES',
  'PARTITIONS_DEFINITION',
  'TAGS',
  'METADATA',
]);
const keys = z
  .object({ added: z.array(z.string()), changed: z.array(z.string()), removed: z.array(z.string()) })
  .nullable();
const values = z.object({ old: z.string().nullable(), new: z.string().nullable() }).nullable();

const AssetChangeBody = z
  .object({
    location: z.string(),
    key: z.string().openapi({ description: 'Its parts joined with "/"', example: 'raw/orders' }),
    reasons: z.array(reason).openapi({ description: 'Empty where only what does not count has changed' }),
    details: z.object({ code_version: values, dependencies: keys, partitions: values, tags: keys, metadata: keys }),
    also: z
      .array(z.enum(['group', 'owners', 'automation condition', 'description']))
      .openapi({ description: 'What has changed as well, and does not count' }),
    moved_from: z.string().nullable().openapi({ description: 'Of a NEW asset: the location that it came from' }),
    moved_to: z.string().nullable().openapi({ description: 'Of a REMOVED asset: the location that has it now' }),
    since_move: z.array(reason).nullable().openapi({ description: 'Of a moved asset: what else has changed' }),
  })
  .openapi('AssetChange');

/** What `/api/deployments/:name/changes` answers. */
export const ChangesBody = z
  .object({
    state: z
      .enum(['pending', 'unknown', 'known'])
      .openapi({ description: 'pending: it is being compared, or deployed; unknown: see reason' }),
    reason: z.string().nullable().openapi({ description: 'Why it is not known' }),
    revision: z.int().nullable().openapi({ description: 'The one that gets the traffic, else the latest' }),
    commit: z.string().nullable(),
    base: z
      .object({ sha: z.string(), web_url: z.string() })
      .nullable()
      .openapi({ description: 'The commit that it was compared with' }),
    assets: z.array(AssetChangeBody),
    downstream: z
      .array(z.object({ location: z.string(), key: z.string(), path: z.array(z.string()) }))
      .openapi({ description: 'Unchanged assets that depend on changed ones, with the shortest way to each' }),
    definitions: z
      .array(
        z.object({
          kind: z.enum(['job', 'schedule', 'sensor', 'check']),
          location: z.string(),
          name: z.string(),
          change: z.enum(['added', 'removed']),
        }),
      )
      .openapi({ description: 'Other definitions that came or went' }),
    unknown_locations: z
      .array(z.object({ location: z.string(), reason: z.string() }))
      .openapi({ description: 'Code locations that could not be compared' }),
    target: z
      .object({ sha: z.string(), web_url: z.string(), assets: z.array(z.string()) })
      .nullable()
      .openapi({
        description: 'Assets of these that the target branch has changed since as well, as of this commit of it',
      }),
    lock_files: z.array(z.string()).openapi({ description: 'Lock files that differ' }),
    missing_base_files: z
      .object({
        paths: z.array(z.string()),
        reason: z
          .string()
          .nullable()
          .openapi({ description: 'Why they could not be kept; null: the base has none of them' }),
      })
      .nullable()
      .openapi({ description: 'Files of base_artifacts that the next revision is not given' }),
  })
  .openapi('Changes', { description: 'What a branch changes of its base' });
