import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterEach, expect, it, onTestFinished } from 'vitest';
import { ask, readableLog, sourceOf, until } from './apps.ts';
import { fullLaunch, killedRef } from './full-launch.ts';
import { processesNaming } from './process-facts.ts';
import { type ProcessWorld, processWorld } from './process-world.ts';

const service = fileURLToPath(new URL('killed-service.ts', import.meta.url));
/** When the service is killed, in ms after it began its first start; one round of it takes about 500 ms. */
const moments = [1, 20, 45, 70, 100, 130, 160, 190, 230, 300, 400, 520, 800];

let world: ProcessWorld;
afterEach(() => world.dispose());

it('repairs what a service leaves that is killed at any moment of a start or a stop', async () => {
  world = await processWorld();
  await world.runtime.close();
  // Started from source, each would load for longer than it lives.
  const folder = mkdtempSync(join(tmpdir(), 'killed-service-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const built = join(folder, 'service.mjs');
  await build({ entryPoints: [service], outfile: built, bundle: true, platform: 'node', format: 'esm' });
  const seen: string[] = [];
  for (const moment of moments) {
    const child = spawn(process.execPath, [built, world.dataDir], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    await new Promise((resolve) => setTimeout(resolve, moment));
    child.kill('SIGKILL');
    await once(child, 'exit');

    const runtime = world.another();
    const { state } = await runtime.observe(killedRef.name);
    seen.push(state);
    // A shell of the app's forks its last one a moment after the start.
    if (state === 'running') await until(() => processesNaming(world.dataDir).length === 4, 'all of its processes');
    const left = processesNaming(world.dataDir);
    if (state === 'absent') expect(left, `after ${moment} ms`).toEqual([]);
    else expect(state).toBe('running');
    await runtime.start(killedRef, fullLaunch(`after ${moment}`.replace(' ', '-')), sourceOf(), readableLog());
    await ask(runtime, killedRef.name);
    if (state === 'running') expect(processesNaming(world.dataDir).sort()).toEqual(left.sort());
    await runtime.stop(killedRef.name);
    expect(processesNaming(world.dataDir)).toEqual([]);
    expect(await runtime.list()).toEqual([]);
    await runtime.close();
  }
  expect(seen).toContain('absent');
});
