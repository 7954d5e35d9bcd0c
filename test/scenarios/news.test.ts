import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Observation } from '../../src/runtimes/runtime.ts';
import { InstantRuntime } from '../support/instant-runtime.ts';
import { until } from '../support/poll.ts';
import { openWorld, type World } from '../support/world.ts';
import { CiDoor } from './ci-door.ts';
import { deploy } from './live.ts';

/** Counts how often it is asked, and tells of news where it is told to. */
class TellingRuntime extends InstantRuntime {
  asked = 0;
  private listener: (name: string) => void = () => {};

  onNews(listener: (name: string) => void): void {
    this.listener = listener;
  }

  override observe(name: string): Promise<Observation> {
    this.asked += 1;
    return super.observe(name);
  }

  tell(name: string): void {
    this.listener(name);
  }
}

const runtime = new TellingRuntime();
let t: World;

beforeAll(async () => {
  t = await openWorld({ pipelines: false, runtime });
});
afterAll(() => t.close());

it('a start is looked at seldom where the runtime tells of news, and at once when it does', async () => {
  const mr = await t.openMergeRequest('slow', { 'README.md': 'one' });
  runtime.hold();
  const began = performance.now();
  const job = deploy(new CiDoor(t), mr, 'one');
  await until('the start', () => runtime.starts === 1);
  await until('some looks', () => performance.now() - began > 1_500);
  // Every 250 ms, and the passes around the launch.
  expect(runtime.asked).toBeLessThan((performance.now() - began) / 250 + 4);

  const [name] = runtime.names();
  runtime.letGo();
  await until('the app', async () => (await runtime.observe(name as string)).state === 'running');
  runtime.tell(name as string);
  expect((await job).exit).toBe('0');
});

it('news of what serves, or of nothing, changes nothing', async () => {
  const [name] = runtime.names();
  let at = 0;
  await until('quiet', () => {
    at = Date.now();
    return t.service.idle(at);
  });
  const before = runtime.asked;
  runtime.tell(name as string);
  runtime.tell('mr-99-nothing-r1');
  expect(t.service.idle(at)).toBe(true);
  expect(runtime.asked).toBe(before);
  expect(runtime.names()).toEqual([name]);
});
