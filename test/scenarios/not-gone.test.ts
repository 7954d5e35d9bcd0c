import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { DeploymentRow } from '../../src/store/schema.ts';
import { Database } from '../../src/store/sqlite.ts';
import { presentMergeRequest } from '../support/gitlab/routes/present.ts';
import type { MergeRequest } from '../support/gitlab/state.ts';
import { InstantRuntime } from '../support/instant-runtime.ts';
import { until } from '../support/poll.ts';
import { openWorld, type World } from '../support/world.ts';
import { CiDoor } from './ci-door.ts';
import { deploy } from './live.ts';

/** Instances of it do not go away as long as it is told so. */
class StubbornRuntime extends InstantRuntime {
  /** What stopping an instance does: it fails with this message, or is said to be done and is not. */
  holds: string | 'without a word' | undefined;
  stops = 0;

  override async stop(name: string): Promise<void> {
    if (!(await this.list()).includes(name)) return;
    this.stops += 1;
    if (this.holds === 'without a word') return;
    if (this.holds !== undefined) throw new Error(this.holds);
    return super.stop(name);
  }
}

const runtime = new StubbornRuntime();
let t: World;
let door: CiDoor;

beforeAll(async () => {
  t = await openWorld({ pipelines: false, runtime });
  door = new CiDoor(t);
});
afterAll(async () => {
  runtime.holds = undefined;
  await t.close();
});

function stored(mr: MergeRequest): Record<string, unknown> & Pick<DeploymentRow, 'phase'> {
  const database = new Database(join(t.dataDir, 'service.sqlite'), { readonly: true });
  try {
    return database.prepare('select * from deployments where ref = ?').get(`mr-${mr.iid}`) as never;
  } finally {
    database.close();
  }
}
const environment = (mr: MergeRequest) => t.gitlab.environment(t.project, `review/mr-${mr.iid}`);

/** Time passes, and something has the service look at its work. */
async function later(ms: number): Promise<void> {
  t.clock.goOn(ms);
  await t.service.sweep();
}

it('an instance that cannot be stopped keeps its deployment stopping, with the reason and the tries in sight, until it is gone', async () => {
  const mr = await t.openMergeRequest('stuck', { 'README.md': 'stuck' });
  const { url } = await deploy(door, mr, 'stuck');
  await until('the note', () => t.note(mr.iid)?.body.includes('Running'));
  runtime.holds = 'device | busy @dev <b>';
  await t.gitlab.closeMergeRequest(mr, t.dev);

  await until('the note to tell of it', () => t.note(mr.iid)?.body.includes('not gone after 3 tries or more'));
  expect(t.note(mr.iid)?.body).toContain(
    '⏳ Stopping<br>closed<br>not gone after 3 tries or more, and tried again: device \\| busy \\@dev \\<b\\>',
  );
  expect(t.gitlab.mentions).toEqual([]);
  const edits = t.note(mr.iid)?.edits;
  expect(stored(mr)).toMatchObject({
    phase: 'stopping',
    stop_reason: 'closed',
    stopping_since: expect.any(Number),
    stop_error: 'device | busy @dev <b>',
    stopped_at: null,
  });
  expect(stored(mr).stop_tries).toBeGreaterThanOrEqual(3);
  expect(environment(mr)?.state).toBe('available');
  expect((await t.preview(url)).status).toBe(410);

  const stops = runtime.stops;
  await later(5_000);
  await until('one more try', () => runtime.stops > stops);
  expect(stored(mr).phase).toBe('stopping');
  expect(t.note(mr.iid)?.edits).toBe(edits);

  // The service's end changes nothing about it.
  await t.stopService();
  await t.startService();
  await later(5 * 60_000);
  await until('a try of the next service', () => runtime.stops > stops + 1);
  expect(stored(mr).phase).toBe('stopping');

  runtime.holds = undefined;
  await later(5 * 60_000);
  await until('it to be stopped', () => stored(mr).phase === 'stopped');
  expect(await runtime.list()).toEqual([]);
  expect(stored(mr)).toMatchObject({ stopping_since: null, stop_tries: 0, stop_error: null, stop_reason: 'closed' });
  await until('the environment to be stopped', () => environment(mr)?.state === 'stopped');
  await until('the note to tell it', () => t.note(mr.iid)?.body.includes('⏹️ Stopped<br>closed |'));
});

it('a runtime that says it stopped an instance is not believed', async () => {
  const mr = await t.openMergeRequest('liar', { 'README.md': 'liar' });
  await deploy(door, mr, 'liar');
  runtime.holds = 'without a word';
  const stops = runtime.stops;
  await t.gitlab.mergeMergeRequest(mr, t.dev);
  await until('some tries', () => runtime.stops >= stops + 2);
  expect(stored(mr)).toMatchObject({
    phase: 'stopping',
    stop_reason: 'merged',
    stop_error: expect.stringContaining('was stopped, and is running all the same'),
  });
  runtime.holds = undefined;
  await later(60_000);
  await until('it to be stopped', () => stored(mr).phase === 'stopped');
});

it('a merge is final: what GitLab said of before it brings nothing back', async () => {
  const mr = await t.openMergeRequest('final', { 'README.md': 'final' });
  await deploy(door, mr, 'final');
  runtime.holds = 'not now';
  const opened = presentMergeRequest(t.gitlab, mr);
  await t.gitlab.mergeMergeRequest(mr, t.dev);
  await until('a try', () => stored(mr).stop_error === 'not now');
  const starts = runtime.starts;
  // A replica that lags behind answers.
  const path = new RegExp(`/merge_requests/${mr.iid}$`);
  t.gitlab.faults.add({ match: { method: 'GET', path }, act: { status: 200, body: opened }, times: 2 });
  const asks = () => t.gitlab.requests.filter((request) => path.test(request.path)).length;
  for (const title of ['One hint', 'Another']) {
    const before = asks();
    await t.gitlab.updateMergeRequest(mr, t.dev, { title });
    await until('a look', () => asks() > before);
  }
  await until('it to be thought over', () => t.service.idle(t.clock.now()));
  expect([stored(mr).wanted, stored(mr).stop_reason, runtime.starts]).toEqual(['stopped', 'merged', starts]);
  runtime.holds = undefined;
  await later(5 * 60_000);
  await until('it to be stopped', () => stored(mr).phase === 'stopped');
});

it('a reopen while it cannot be stopped ends the removal', async () => {
  const mr = await t.openMergeRequest('changed', { 'README.md': 'changed' });
  const { url } = await deploy(door, mr, 'changed');
  runtime.holds = 'not now';
  await t.gitlab.closeMergeRequest(mr, t.dev);
  await until('a try', () => stored(mr).stop_error === 'not now');
  await t.gitlab.reopenMergeRequest(mr, t.dev);
  await until('the preview to be back', async () => (await t.preview(url)).body === 'changed');
  expect(stored(mr)).toMatchObject({ stopping_since: null, stop_tries: 0, stop_error: null, stop_reason: null });
  runtime.holds = undefined;
  await until('the old instance to be gone', async () => (await runtime.list()).join().endsWith('-r2'));
});
