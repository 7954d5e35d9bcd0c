import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Database } from '../../src/store/sqlite.ts';
import { InstantRuntime } from '../support/instant-runtime.ts';
import { until } from '../support/poll.ts';
import { openWorld, type World } from '../support/world.ts';
import { CiDoor } from './ci-door.ts';
import { deploy } from './live.ts';

/** Remembers when each instance that was there was first asked to stop, in ms. */
class WatchedRuntime extends InstantRuntime {
  readonly stopAskedAt = new Map<string, number>();

  override async stop(name: string): Promise<void> {
    const isThere = (await this.list()).includes(name);
    if (isThere && !this.stopAskedAt.has(name)) this.stopAskedAt.set(name, t.clock.now());
    return super.stop(name);
  }
}

const runtime = new WatchedRuntime();
let t: World;

beforeAll(async () => {
  t = await openWorld({ pipelines: false, runtime });
});
afterAll(() => t.close());

interface Stored {
  readonly instance: string;
  readonly healthyAt: number;
}

function revisions(): Stored[] {
  const database = new Database(join(t.dataDir, 'service.sqlite'), { readonly: true });
  try {
    return database.prepare('select instance, healthy_at as healthyAt from revisions order by id').all() as Stored[];
  } finally {
    database.close();
  }
}

it('the job of a push hears that it is healthy before the instance of the push before is ended', async () => {
  const door = new CiDoor(t);
  const mr = await t.openMergeRequest('twice', { 'README.md': 'one' });
  expect((await deploy(door, mr, 'one')).exit).toBe('0');
  expect((await deploy(door, mr, 'two')).exit).toBe('0');

  const [one, two] = revisions() as [Stored, Stored];
  await until('the first instance to be gone', async () => !(await runtime.list()).includes(one.instance));
  expect(await runtime.list()).toEqual([two.instance]);
  expect((runtime.stopAskedAt.get(one.instance) as number) - two.healthyAt).toBeGreaterThanOrEqual(250);
});
