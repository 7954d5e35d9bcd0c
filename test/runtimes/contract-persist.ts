import { symlink } from 'node:fs/promises';
import { expect, it } from 'vitest';
import type { Launch } from '../../src/deployment/launch.ts';
import type { Runtime } from '../../src/runtimes/runtime.ts';
import { ask, launchOf, readableLog, SERVER, sourceOf, stepOf, untilState } from './apps.ts';

const deployment = 'mr-7-shop';

/** A launch whose step shows, and adds its instance's name to, two persisted folders. */
function persisting(): Launch {
  return launchOf((place) => ({
    persist: ['data', 'var/new'].map((path) => ({
      path: `${place.tree}/${path}`,
      kept: `${place.data}/persist/${encodeURIComponent(path)}`,
    })),
    steps: [
      stepOf(
        place,
        'look',
        `for f in data/* var/new/*; do echo "$f:"; cat $f; done; echo ${place.name} >> var/new/names`,
      ),
    ],
  }));
}

/** Cases about folders that stay from instance to instance. `current` gives the runtime of the case that runs. */
export function testPersist(current: () => Runtime): void {
  async function start(revision: number, files: Readonly<Record<string, string>>): Promise<string> {
    const log = readableLog();
    const name = `mr-7-shop-r${revision}`;
    const source = sourceOf({ 'server.js': SERVER, 'var/other': '', ...files });
    await current().start({ name, deployment }, persisting(), source, log);
    await ask(current(), name);
    return log.text();
  }

  it('links persisted folders into the tree, and the first instance fills them', async () => {
    const first = await start(1, { 'data/seed': 'of one\n' });
    const second = await start(2, { 'data/seed': 'of two\n', 'data/more': '', 'var/new/x': '' });

    expect(first).toContain('persist: data: begins with what this push has there\n');
    expect(first).toContain('\ndata/seed:\nof one\n');
    expect(second).toContain('persist: data: as earlier pushes left it\n');
    expect(second).toContain('\ndata/seed:\nof one\nvar/new/names:\nmr-7-shop-r1\n');
    expect(second).not.toContain('data/more');
    // Both run: what the one writes, the other has at once.
    await current().exec('mr-7-shop-r2', 'echo from two > data/seed', readableLog());
    const seen = readableLog();
    await current().exec('mr-7-shop-r1', 'cat data/seed var/new/names', seen);
    expect(seen.text()).toBe('from two\nmr-7-shop-r1\nmr-7-shop-r2\n');
  });

  it('removes persisted folders with the data of their deployment, and not before', async () => {
    await start(1, { 'data/seed': 'of one\n' });
    await current().stop('mr-7-shop-r1');
    const second = await start(2, {});
    await current().stop('mr-7-shop-r2');
    await current().removeData(deployment);
    const third = await start(3, { 'data/seed': 'of three\n' });

    expect(second).toContain('\ndata/seed:\nof one\nvar/new/names:\nmr-7-shop-r1\n');
    expect(third).toContain('\ndata/seed:\nof three\n');
    expect(third).not.toContain('mr-7-shop-r1\n');
  });

  it('fills a persisted folder with what the tree has after a start that was cut short', async () => {
    const cut = launchOf((place) => ({
      steps: [stepOf(place, 'cut', `mkdir -p ${place.data}/persist/data.part/half`)],
    }));
    await current().start({ name: 'mr-7-shop-r1', deployment }, cut, sourceOf(), readableLog());
    await ask(current(), 'mr-7-shop-r1');

    const log = await start(2, { 'data/seed': 'of two\n' });

    expect(log).toContain('\ndata/seed:\nof two\n');
    expect(log).not.toContain('half');
  });

  it('links no persisted folder that a link would lead out of the tree', async () => {
    const launch = launchOf((place) => ({
      persist: [{ path: `${place.tree}/out/a/data`, kept: `${place.data}/persist/data` }],
    }));
    const { unpackInto } = sourceOf();
    const source = {
      unpackInto: async (directory: string) => {
        await unpackInto(directory);
        await symlink('/tmp', `${directory}/out`);
      },
    };
    await current().start({ name: 'mr-7-shop-r1', deployment }, launch, source, readableLog());
    expect(await untilState(current(), 'mr-7-shop-r1', 'exited')).toMatchObject({
      reason: expect.stringMatching(/out\/a\/data is not below the tree$/),
    });
  });
}
