import { spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Runtime } from '../../src/runtimes/runtime.ts';
import { ask, launchOf, readableLog, SERVER, sourceOf, stepOf, until, untilState } from './apps.ts';
import { isLive, processesNaming } from './process-facts.ts';
import { type ProcessWorld, processWorld } from './process-world.ts';

const ref = { name: 'mr-7-shop-r1', deployment: 'mr-7-shop' };

describe('what the process runtime finds of an earlier service', () => {
  let world: ProcessWorld;
  let runtime: Runtime;
  beforeEach(async () => {
    world = await processWorld({ stopGraceMs: 500 });
    runtime = world.runtime;
  });
  afterEach(() => world.dispose());

  const recordPath = (): string => join(world.dataDir, 'instances', ref.name, 'instance.json');

  it('finds grandchildren that left the group and the session, also after a restart', async () => {
    const app = `
      const { spawn } = require('node:child_process');
      spawn('sh', ['-c', 'setsid sleep 600 & exit 0'], { stdio: 'ignore' });
      ${SERVER}`;
    await runtime.start(ref, launchOf(), sourceOf({ 'server.js': app }), readableLog());
    await ask(runtime, ref.name);
    await until(() => processesNaming(world.dataDir).length === 2);
    runtime = await world.restart();
    await runtime.stop(ref.name);
    expect(processesNaming(world.dataDir)).toEqual([]);
  });

  it('never signals a process that has got a recorded pid', async () => {
    await runtime.start(ref, launchOf(), sourceOf(), readableLog());
    const { pid } = await ask(runtime, ref.name);
    await runtime.close();
    const innocent = spawn('sleep', ['600'], { detached: true, stdio: 'ignore' });
    try {
      const record = JSON.parse(await readFile(recordPath(), 'utf8'));
      record.processes = [{ ...record.processes[0], pid: innocent.pid }];
      await writeFile(recordPath(), JSON.stringify(record));
      runtime = world.another();
      expect(await runtime.observe(ref.name)).toEqual({ state: 'absent' });
      // What the forged record does not name is found by its marker.
      expect(isLive(pid)).toBe(false);
      await runtime.start(ref, launchOf(), sourceOf(), readableLog());
      await runtime.stop(ref.name);
      expect(isLive(innocent.pid as number)).toBe(true);
    } finally {
      innocent.kill('SIGKILL');
    }
  });

  it('leaves alone an instance of the same name in another data directory', async () => {
    const other = await processWorld();
    try {
      await other.runtime.start(ref, launchOf(), sourceOf(), readableLog());
      const { pid } = await ask(other.runtime, ref.name);
      await runtime.stop(ref.name);
      expect(isLive(pid)).toBe(true);
    } finally {
      await other.dispose();
    }
  });

  it('ends the steps of an unfinished start when it is closed, and leaves running instances alone', async () => {
    const other = { ...ref, name: 'mr-7-shop-r2' };
    await runtime.start(ref, launchOf(), sourceOf(), readableLog());
    const { pid } = await ask(runtime, ref.name);
    await runtime.start(
      other,
      launchOf((place) => ({ steps: [stepOf(place, 'setup', 'sleep 600')] })),
      sourceOf(),
      readableLog(),
    );
    await until(() => processesNaming(world.dataDir).length === 3);
    await runtime.close();
    expect(processesNaming(world.dataDir)).toEqual([pid]);
    await expect(runtime.observe(ref.name)).rejects.toThrow('the runtime is closed');
  });

  it('counts an instance that lost all its processes while the service was away as absent', async () => {
    await runtime.start(ref, launchOf(), sourceOf(), readableLog());
    const { pid } = await ask(runtime, ref.name);
    await runtime.close();
    process.kill(pid, 'SIGKILL');
    await until(() => !isLive(pid));
    runtime = world.another();
    expect(await runtime.observe(ref.name)).toEqual({ state: 'absent' });
    await runtime.start(ref, launchOf(), sourceOf(), readableLog());
    await ask(runtime, ref.name);
  });

  it('finds one that lost some of its processes exited, and ends the others', async () => {
    const launch = launchOf((place) => ({
      processes: [
        { name: 'webserver', directory: place.tree, argv: ['node', 'server.js'], env: {} },
        { name: 'code server', directory: place.tree, argv: ['sleep', '600'], env: {} },
      ],
    }));
    await runtime.start(ref, launch, sourceOf(), readableLog());
    const { pid } = await ask(runtime, ref.name);
    await runtime.close();
    process.kill(pid, 'SIGKILL');
    await until(() => !isLive(pid));
    runtime = world.another();
    const reason = 'the webserver ended with an unknown exit code';
    expect(await runtime.observe(ref.name)).toEqual({ state: 'exited', code: null, reason });
    await until(() => processesNaming(world.dataDir).length === 0);
  });

  it('ends hooks that an earlier service left running, and runs them in an exited instance too', async () => {
    await runtime.start(ref, launchOf(), sourceOf(), readableLog());
    const { pid } = await ask(runtime, ref.name);
    const hook = runtime.exec(ref.name, 'exec sleep 600', readableLog());
    await until(() => processesNaming(world.dataDir).length === 2);
    runtime = world.another();
    await untilState(runtime, ref.name, 'running');
    expect(processesNaming(world.dataDir)).toEqual([pid]);
    expect(await hook).toBe(128 + 15);
    process.kill(pid, 'SIGKILL');
    await untilState(runtime, ref.name, 'exited');
    expect(await runtime.exec(ref.name, 'test -e server.js && exit 7', readableLog())).toBe(7);
    const last = runtime.exec(ref.name, 'sleep 600', readableLog());
    const stopped = expect(last).rejects.toThrow(`${ref.name} was stopped`);
    await runtime.stop(ref.name);
    await stopped;
  });

  it('repairs an instance whose record cannot be read', async () => {
    await runtime.start(ref, launchOf(), sourceOf(), readableLog());
    await ask(runtime, ref.name);
    await runtime.close();
    await writeFile(recordPath(), '{"version":1,"na');
    runtime = world.another();
    expect(await runtime.observe(ref.name)).toEqual({ state: 'absent' });
    expect(processesNaming(world.dataDir)).toEqual([]);
    expect(await runtime.list()).toEqual([ref.name]);
    await runtime.stop(ref.name);
    expect(await runtime.list()).toEqual([]);
  });
});
