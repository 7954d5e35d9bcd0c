import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deployed, rows } from '../reconcile/sweep/swept-world.ts';
import { makeArchive } from '../store/bundles/archives.ts';
import { ANSWER_FILE, InstantRuntime } from '../support/instant-runtime.ts';
import { openWorld, startWorld, type World } from '../support/world.ts';
import { CiDoor } from './ci-door.ts';

const GIB = 1024 ** 3;
const runtime = new InstantRuntime();
let free = 100 * GIB;
let t: World;

beforeAll(async () => {
  t = await openWorld({
    pipelines: false,
    runtime,
    env: { BD_MAX_DISK: '1Mi' },
    service: { freeBytes: async () => free },
  });
});
afterAll(() => t.close());

/** What cannot be compressed. */
const large = (name: string) => ({ path: `${name}.bin`, content: randomBytes(400 * 1024) });

async function tryToDeploy(branch: string, file: { path: string; content: string | Buffer }) {
  const door = new CiDoor(t);
  const mr = await t.openMergeRequest(branch, { 'README.md': branch });
  const token = await door.token(door.job(door.pipeline(mr)));
  const first = await door.deploy(token, mr.iid);
  const archive = makeArchive([{ path: '.branch-deployment.yml', content: 'start: unused\n' }, file]);
  return first.status === 200 ? await door.upload(token, archive) : first;
}

describe('a disk that is nearly full', () => {
  it('refuses uploads before it is full, says who must act, and leaves what runs alone', async () => {
    const mr = await deployed(t, 'small');
    await t.settled();
    free = 0.2 * GIB;
    expect(await tryToDeploy('refused', { path: ANSWER_FILE, content: 'refused' })).toEqual({
      status: 507,
      text: 'The service takes no upload now. Nothing is wrong with the app: its operator must act. What is full: the disk of BD_DATA_DIR has 204.8 MiB left, and an upload needs more than that to spare: make room there, or end branch deployments that nobody needs.\n',
    });
    expect(await t.preview(t.previewUrl(mr.iid))).toMatchObject({ status: 200, body: 'small' });
    free = 100 * GIB;
    expect(await tryToDeploy('taken', { path: ANSWER_FILE, content: 'taken' })).toMatchObject({ status: 200 });
    await t.settled();
  });
});

describe('BD_MAX_DISK', () => {
  it('takes the code of stopped deployments first, says so, and refuses what would take more than what runs leaves', async () => {
    const stopped = await deployed(t, 'stopped', large('stopped'));
    await t.settled();
    await t.gitlab.closeMergeRequest(stopped, t.dev);
    await t.settled();
    const before = t.bundles();
    const running = await deployed(t, 'running', large('running'));
    await t.settled();
    expect(t.bundles()).toHaveLength(before.length + 1);

    expect(await tryToDeploy('next', large('next'))).toMatchObject({ status: 200 });
    await t.settled();
    const events = rows<{ message: string; iid: number }>(
      t,
      "select e.message, m.iid from events e join merge_requests m on m.id = e.merge_request_id where e.type = 'room-made'",
    );
    expect(events).toEqual([{ iid: stopped.iid, message: expect.stringContaining('to make room (BD_MAX_DISK)') }]);
    expect(t.bundles()).toHaveLength(before.length + 1);

    expect(await tryToDeploy('too-much', large('too-much'))).toMatchObject({
      status: 507,
      text: expect.stringMatching(/of the 1\.0 MiB that BD_MAX_DISK allows.*raise BD_MAX_DISK/),
    });
    expect(t.bundles()).toHaveLength(before.length + 1);
    expect(await t.preview(t.previewUrl(running.iid))).toMatchObject({ status: 200 });
  });

  it('takes spare copies and kept setups that were not used for long, and none that may be in use', async () => {
    const world = await startWorld({ pipelines: false, env: { BD_MAX_DISK: '1Mi' } });
    await world.service.sweep();
    const setups = join(world.dataDir, 'shared', 'setups');
    const keep = (name: string, hoursAgo: number) => {
      const folder = join(setups, name);
      mkdirSync(folder);
      writeFileSync(join(folder, '0'), randomBytes(500 * 1024));
      utimesSync(folder, new Date(), new Date(Date.now() - hoursAgo * 3_600_000));
      return folder;
    };
    const spare = keep(`.spare-${'a'.repeat(64)}`, 0);
    const old = keep('b'.repeat(64), 48);
    const used = keep('c'.repeat(64), 0);

    await world.service.sweep();
    expect([spare, old, used].map((folder) => existsSync(folder))).toEqual([false, false, true]);
  });
});
