import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { createHeardOfStrangers } from '../../src/http/heard-of-strangers.ts';
import { webhookRoutes } from '../../src/http/webhook.ts';
import { createWebhookProof } from '../../src/http/webhook-proof.ts';
import { createLog } from '../../src/log.ts';
import { openSqlite } from '../../src/store/database.ts';
import { openStore } from '../../src/store/store.ts';

const [, , side, folder = '', token = '', body = '{}'] = process.argv;
mkdirSync(folder, { recursive: true });
const app = side === 'bare' ? bare() : service();
serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) =>
  console.log(`http://127.0.0.1:${port}/webhooks/gitlab`),
);

/** One insert of the payload for each request, with the service's own SQLite settings. */
function bare(): Hono {
  const db = openSqlite(join(folder, 'bare.sqlite'));
  db.exec('create table payloads (id integer primary key, body text not null)');
  const insert = db.prepare('insert into payloads (body) values (?)');
  return new Hono().post('/webhooks/gitlab', async (c) => {
    insert.run(await c.req.text());
    return c.json({ accepted: true });
  });
}

/** The service's webhook door on its real store, which knows the payload's merge request. */
function service(): Hono {
  const store = openStore(join(folder, 'service.sqlite'));
  const payload = JSON.parse(body) as {
    project: { id: number; path_with_namespace: string; web_url: string };
    object_attributes: { iid: number; target_project_id: number };
  };
  store.mergeRequests.record(
    {
      projectId: payload.object_attributes.target_project_id,
      iid: payload.object_attributes.iid,
      state: 'opened',
      title: 'Change',
      draft: false,
      webUrl: `${payload.project.web_url}/-/merge_requests/${payload.object_attributes.iid}`,
      projectPath: payload.project.path_with_namespace,
      projectUrl: payload.project.web_url,
      sourceProjectId: payload.object_attributes.target_project_id,
      sourceBranch: 'change',
      targetBranch: 'main',
      headSha: 'a'.repeat(40),
      author: { id: 1, username: 'dev', name: 'Dee' },
    },
    Date.now(),
  );
  const log = createLog('info', { write: () => undefined });
  return new Hono().route(
    '/webhooks',
    webhookRoutes({
      store,
      log,
      now: Date.now,
      heardOfStrangers: createHeardOfStrangers(),
      proof: createWebhookProof({ signingSecrets: [token], tokens: [] }),
      previewUrl: (name) => name,
    }),
  );
}
