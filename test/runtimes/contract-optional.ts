import { expect, it } from 'vitest';
import type { Runtime } from '../../src/runtimes/runtime.ts';
import { ask, launchOf, readableLog, SERVER, sourceOf, stepOf, until, untilState } from './apps.ts';

const ref = { name: 'mr-7-shop-r1', deployment: 'mr-7-shop' };

/** The app, and a process of the part `ml`, which the app can do without. */
const SIDE = `const fs = require('node:fs');
if (fs.existsSync('ends')) process.exit(3);
fs.writeFileSync(process.env.HOME + '/pid', String(process.pid));
setInterval(() => {}, 1000);`;

/** Cases about parts that an app can do without. */
export function testOptionalParts(current: () => Runtime, restart: () => Promise<void>): void {
  const launchWith = (setup: string) =>
    launchOf((place) => ({
      steps: [
        { ...stepOf(place, 'setup of ml', setup), optionalParts: ['ml'] },
        { ...stepOf(place, 'prepare of ml', 'echo prepared'), optionalParts: ['ml'] },
        stepOf(place, 'prepare', 'echo the rest'),
      ],
      processes: [
        { name: 'app', directory: place.tree, argv: ['node', 'server.js'], env: {} },
        { name: 'code server ml', directory: place.tree, argv: ['node', 'side.js'], env: {}, optionalPart: 'ml' },
      ],
    }));
  const files = { 'server.js': SERVER, 'side.js': SIDE };
  const lostOf = async () => (await untilState(current(), ref.name, 'running')).lost;

  it('leaves out an optional part whose step fails, and goes on', async () => {
    const log = readableLog();
    await current().start(ref, launchWith('exit 4'), sourceOf(files), log);
    await ask(current(), ref.name);

    expect(await lostOf()).toEqual([{ name: 'ml', reason: 'setup of ml failed with exit code 4' }]);
    expect(log.text()).toContain('the rest goes on without ml, which is optional');
    expect(log.text()).not.toContain('prepared');
    expect(log.text()).toContain('the rest');
  });

  it('goes on without a process of an optional part that ends, and starts it again', async () => {
    await current().start(ref, launchWith('touch ends'), sourceOf(files), readableLog());
    const { pid } = await ask(current(), ref.name);
    const lost = await until(lostOf, 'the end of ml');
    expect(lost).toEqual([{ name: 'ml', reason: 'the code server ml ended with exit code 3' }]);

    await current().exec(ref.name, 'rm ends', readableLog());
    await until(async () => (await lostOf()) === undefined, 'another start of ml');
    expect((await ask(current(), ref.name)).pid).toBe(pid);
  });

  it('goes on without a process of an optional part that ends after a restart of the service, too', async () => {
    await current().start(ref, launchWith('true'), sourceOf(files), readableLog());
    const { pid } = await ask(current(), ref.name);
    await until(async () => (await current().exec(ref.name, 'test -s "$HOME/pid"', readableLog())) === 0);
    await restart();
    expect(await lostOf()).toBeUndefined();

    await current().exec(ref.name, 'kill -9 "$(cat "$HOME/pid")"', readableLog());
    const lost = await until(lostOf, 'the end of ml');
    expect(lost).toEqual([{ name: 'ml', reason: expect.stringContaining('the code server ml ended') }]);
    expect((await ask(current(), ref.name)).pid).toBe(pid);
  });
}
