import type { Operation } from './operation.ts';

const none: Operation = { properties: {}, required: [] };
const note: Operation = {
  properties: {
    body: { type: 'string' },
    created_at: { type: 'string' },
    internal: { type: 'boolean' },
    confidential: { type: 'boolean' },
    merge_request_diff_head_sha: { type: 'string' },
  },
  required: ['body'],
};
const mergeRequest = '/projects/{id}/merge_requests/{merge_request_iid}';
const notes = `${mergeRequest}/notes`;

/** Operations that GitLab's description lacks, by doc/api/notes.md, doc/api/resource_state_events.md, doc/api/users.md and doc/api/repositories.md. */
export const unlisted: Readonly<Record<string, Operation>> = {
  'GET /user': none,
  'GET /version': none,
  'GET /personal_access_tokens/self': none,
  // Listed as `…/archive` with the format as a key; people write it as doc/api/repositories.md does.
  'GET /projects/{id}/repository/archive.tar.gz': {
    properties: {
      sha: { type: 'string' },
      path: { type: 'string' },
      include_lfs_blobs: { type: 'boolean' },
      exclude_paths: { type: 'array', items: { type: 'string' } },
    },
    required: [],
  },
  [`GET ${mergeRequest}/resource_state_events`]: none,
  [`GET ${notes}`]: {
    properties: {
      sort: { type: 'string', enum: ['asc', 'desc'] },
      order_by: { type: 'string', enum: ['created_at', 'updated_at'] },
      activity_filter: { type: 'string', enum: ['all_notes', 'only_comments', 'only_activity'] },
    },
    required: [],
  },
  [`POST ${notes}`]: note,
  [`GET ${notes}/{note_id}`]: none,
  [`PUT ${notes}/{note_id}`]: {
    properties: { body: { type: 'string' }, confidential: { type: 'boolean' } },
    required: ['body'],
  },
  [`DELETE ${notes}/{note_id}`]: none,
};
