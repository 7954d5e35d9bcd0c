import { existsSync } from 'node:fs';
import { expect, it } from 'vitest';
import type { Place } from '../../src/deployment/launch.ts';
import type { Beside, Runtime } from '../../src/runtimes/runtime.ts';
import { ask, launchOf, readableLog, sourceOf, stepOf, until } from './apps.ts';

const ref = { name: 'mr-7-shop-r1', deployment: 'mr-7-shop' };
const other = sourceOf({ 'name.txt': 'the other tree' });

/** Cases about work beside an instance's processes. `current` gives the runtime of the case that runs. */
export function testBeside(current: () => Runtime): void {
  const beside = <T>(act: (beside: Beside) => Promise<T>, source = other): Promise<T> =>
    (current().beside as NonNullable<Runtime['beside']>)(ref.name, { source, log: readableLog() }, act);
  const runs = () => current().start(ref, launchOf(), sourceOf(), readableLog());

  it('does work beside a running instance, on a tree of other code that is gone afterwards', async () => {
    await runs();
    const { pid } = await ask(current(), ref.name);
    const log = readableLog();

    const tree = await beside(async ({ place, tree, run }) => {
      const step = { ...stepOf(place, 'read', 'cat name.txt; ls "$OWN"/server.js'), env: { OWN: place.tree } };
      await run({ ...step, directory: tree as string }, { onOutput: (chunk) => log.write(chunk) });
      return tree as string;
    });

    expect(log.text()).toMatch(/^the other tree.*\/server\.js\n$/);
    expect(existsSync(tree)).toBe(false);
    expect((await ask(current(), ref.name)).pid).toBe(pid);
  });

  it('says how a step of such work failed, and ends one that takes too long', async () => {
    await runs();
    await ask(current(), ref.name);
    const failing = (command: string, signal?: AbortSignal) =>
      beside(({ place, run }) => run(stepOf(place, 'read', command), signal ? { signal } : {}));

    await expect(failing('exit 3')).rejects.toThrow('read failed with exit code 3');
    await expect(failing('exec sleep 600', AbortSignal.timeout(200))).rejects.toMatchObject({ name: 'TimeoutError' });
    expect((await current().observe(ref.name)).state).toBe('running');
  });

  it('ends such work with its instance', async () => {
    await runs();
    await ask(current(), ref.name);
    let began = false;

    const work = beside(({ place, run }) =>
      run(stepOf(place, 'read', 'echo begun; exec sleep 600'), {
        onOutput: () => {
          began = true;
        },
      }),
    ).catch((error: unknown) => error);
    await until(() => began);
    await current().stop(ref.name);

    expect(await work).toBeInstanceOf(Error);
    expect(await current().observe(ref.name)).toEqual({ state: 'absent' });
    await expect(beside(async () => undefined)).rejects.toThrow('no running instance');
  });

  it('makes what all instances share for such work once', async () => {
    await runs();
    await ask(current(), ref.name);
    const log = readableLog();
    const shared = (place: Place) => ({
      ...stepOf(place, 'shared', `echo made; echo it > ${place.shared}/kept/it`),
      directory: place.shared,
      makesShared: { path: `${place.shared}/kept` },
    });

    for (const _ of [1, 2])
      await beside(({ place, run }) => run(shared(place), { onOutput: (chunk) => log.write(chunk) }));

    expect(log.text()).toBe('made\n');
  });
}
