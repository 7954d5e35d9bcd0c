import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Runtime } from '../../src/runtimes/runtime.ts';
import { ask, launchOf, launchOfTwo, readableLog, SERVER, sourceOf, stepOf, until, untilState } from './apps.ts';
import { type ProcessWorld, processWorld } from './process-world.ts';

const ref = { name: 'mr-7-shop-r1', deployment: 'mr-7-shop' };
/** Listens once a file `go` is there. */
const LATE = `const { existsSync } = require('node:fs');
const wait = setInterval(() => {
  if (!existsSync('go')) return;
  clearInterval(wait);
  ${SERVER}
}, 10);`;

describe('news of the process runtime', () => {
  let world: ProcessWorld;
  let runtime: Runtime;
  let news: string[];
  beforeEach(async () => {
    world = await processWorld();
    runtime = world.runtime;
    news = [];
    runtime.onNews?.((name) => news.push(name));
  });
  afterEach(() => world.dispose());

  it('come when the app begins to listen, not when it is started', async () => {
    await runtime.start(ref, launchOf(), sourceOf({ 'server.js': LATE }), readableLog());
    expect(await untilState(runtime, ref.name, 'running')).toMatchObject({ listens: false });
    expect(news).toEqual([]);

    await writeFile(join(world.dataDir, 'instances', ref.name, 'tree', 'go'), '');
    await until(() => news.length > 0);
    expect(await runtime.observe(ref.name)).toMatchObject({ state: 'running', listens: true });
    expect(news).toEqual([ref.name]);
  });

  it('come for each of its ports', async () => {
    const code = SERVER.replace('process.env.PORT', 'process.env.PORT_OF_CODE');
    const launch = launchOfTwo('code.js');
    await runtime.start(ref, launch, sourceOf({ 'server.js': LATE, 'code.js': code }), readableLog());
    await until(() => news.length > 0);
    expect(await runtime.observe(ref.name)).toMatchObject({ state: 'running', listens: false, silent: ['http'] });

    await writeFile(join(world.dataDir, 'instances', ref.name, 'tree', 'go'), '');
    await until(() => news.length === 2);
    expect(await runtime.observe(ref.name)).toMatchObject({ state: 'running', listens: true });
  });

  it('come when it ends', async () => {
    await runtime.start(ref, launchOf(), sourceOf(), readableLog());
    await ask(runtime, ref.name);
    await until(() => news.length > 0);
    const { endpoint } = await untilState(runtime, ref.name, 'running');
    await fetch(`http://${endpoint.host}:${endpoint.port}/exit?9`).catch(() => {});

    await until(() => news.length === 2);
    expect(await runtime.observe(ref.name)).toMatchObject({ state: 'exited', code: 9 });
  });

  it('come when a step fails', async () => {
    const launch = launchOf((place) => ({ steps: [stepOf(place, 'setup', 'exit 3')] }));
    await runtime.start(ref, launch, sourceOf(), readableLog());

    await until(() => news.length > 0);
    expect(await runtime.observe(ref.name)).toMatchObject({ state: 'exited', code: 3 });
  });

  it('leave whether it listens open for an instance that an earlier service has started', async () => {
    await runtime.start(ref, launchOf(), sourceOf(), readableLog());
    await ask(runtime, ref.name);
    const later = await world.restart();

    expect(await later.observe(ref.name)).not.toHaveProperty('listens');
  });
});
