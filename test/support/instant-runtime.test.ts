import { afterAll, beforeAll, expect, it } from 'vitest';
import { CiDoor } from '../scenarios/ci-door.ts';
import { makeArchive } from '../store/bundles/archives.ts';
import { ANSWER_FILE, EXIT_FILE, InstantRuntime } from './instant-runtime.ts';
import { until } from './poll.ts';
import { openWorld, type World } from './world.ts';

const APP_FILE = { path: '.branch-deployment.yml', content: 'start: unused\n' };
const runtime = new InstantRuntime();
let t: World;

beforeAll(async () => {
  t = await openWorld({ pipelines: false, runtime });
});
afterAll(() => t.close());

it('serves what was pushed, replaces it, tells of one that fails, and is empty at the end', async () => {
  const door = new CiDoor(t);
  const mr = await t.openMergeRequest('feature', { 'README.md': 'x' });
  const deploy = (file: { path: string; content: string }) =>
    door.play(door.job(door.pipeline(mr)), mr.iid, makeArchive([APP_FILE, file]));

  const { url, exit } = await deploy({ path: ANSWER_FILE, content: 'one' });
  expect({ exit, body: (await t.preview(url)).body }).toEqual({ exit: '0', body: 'one' });
  await deploy({ path: ANSWER_FILE, content: 'two' });
  expect((await t.preview(url)).body).toBe('two');
  expect((await deploy({ path: EXIT_FILE, content: '3' })).exit).toBe('1');
  expect((await t.preview(url)).body).toBe('two');

  await t.gitlab.closeMergeRequest(mr, t.dev);
  await until('the instances to be gone', async () => (await runtime.list()).length === 0);
  expect(runtime.starts).toBe(3);
});
