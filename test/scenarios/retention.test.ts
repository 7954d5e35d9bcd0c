import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Database } from '../../src/store/sqlite.ts';
import { deployed, push, rows } from '../reconcile/sweep/swept-world.ts';
import { InstantRuntime } from '../support/instant-runtime.ts';
import { openWorld, type World } from '../support/world.ts';

const DAY = 24 * 3_600_000;
const runtime = new InstantRuntime();
let t: World;

beforeAll(async () => {
  t = await openWorld({ pipelines: false, runtime, env: { BD_KEEP_HISTORY: '30d' } });
});
afterAll(() => t.close());

const count = (table: string) => rows<{ n: number }>(t, `select count(*) as n from ${table}`)[0]?.n;
const logOf = (id: number) => existsSync(join(t.dataDir, 'logs', `${id}.log`));
async function sweptAfter(days: number): Promise<void> {
  t.clock.goOn(days * DAY);
  await t.service.sweep();
  await t.settled();
}

it('an ended deployment is forgotten with all that belongs to it, and its note stays', async () => {
  const living = await deployed(t, 'living');
  await push(t, living, 'living-2');
  await t.settled();
  const ended = await deployed(t, 'ended');
  await t.settled();
  await t.gitlab.closeMergeRequest(ended, t.dev);
  await t.settled();
  const [one, two, three] = rows<{ id: number }>(t, 'select id from revisions order by id').map(({ id }) => id) as [
    ...[number, number, number],
  ];
  const note = t.note(ended.iid);
  expect(note?.body).toContain('closed');

  await sweptAfter(29);
  expect({ deployments: count('deployments'), revisions: count('revisions'), mrs: count('merge_requests') }).toEqual({
    ...{ deployments: 2, revisions: 3, mrs: 2 },
  });
  expect([one, two, three].map(logOf)).toEqual([true, true, true]);

  await sweptAfter(2);
  expect(rows(t, 'select ref from deployments')).toEqual([{ ref: `mr-${living.iid}` }]);
  expect(rows(t, 'select id from revisions order by id')).toEqual([{ id: one }, { id: two }]);
  expect(rows(t, 'select iid from merge_requests')).toEqual([{ iid: living.iid }]);
  expect(count('jobs')).toBe(2);
  expect(rows(t, 'select type from events where at < ?', t.clock.now() - 30 * DAY)).toEqual([]);
  expect([one, two, three].map(logOf)).toEqual([false, true, false]);
  expect(t.note(ended.iid)).toEqual(note);
  expect(t.bundles()).toHaveLength(1);
  expect(await t.preview(t.previewUrl(living.iid))).toMatchObject({ status: 200, body: 'living-2' });

  // It may come back all the same.
  await t.gitlab.reopenMergeRequest(ended, t.dev);
  await push(t, ended, 'again');
  await t.settled();
  expect(await t.preview(t.previewUrl(ended.iid))).toMatchObject({ status: 200, body: 'again' });
  expect(t.note(ended.iid)).toMatchObject({ id: note?.id });
});

it('much that is old is removed in small steps, between which the service answers', async () => {
  const db = new Database(join(t.dataDir, 'service.sqlite'));
  const insert = db.prepare("insert into events (at, type, message) values (?, 'old', 'long ago')");
  db.transaction(() => {
    for (let n = 0; n < 40_000; n += 1) insert.run(t.clock.now() - 31 * DAY);
  })();
  db.close();
  const old = () => rows<{ n: number }>(t, "select count(*) as n from events where type = 'old'")[0]?.n as number;

  let over = false;
  const sweep = t.service.sweep().then(() => {
    over = true;
  });
  const seen = new Set<number>();
  while (!over) {
    expect((await fetch(`${t.serviceUrl}/healthz`)).status).toBe(200);
    seen.add(old());
  }
  await sweep;
  expect(old()).toBe(0);
  expect([...seen].filter((left) => left > 0 && left < 40_000).length).toBeGreaterThan(0);
});
