import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Runtime } from '../../src/runtimes/runtime.ts';
import { ask, launchOf, printed, readableLog, SERVER, sourceOf, stepOf, until, untilState } from './apps.ts';
import { testRuntime } from './contract.ts';
import { isLive, processesNaming } from './process-facts.ts';
import { type ProcessWorld, processWorld } from './process-world.ts';

testRuntime('process', () => processWorld());

const ref = { name: 'mr-7-shop-r1', deployment: 'mr-7-shop' };

describe('processes of the process runtime', () => {
  let world: ProcessWorld;
  let runtime: Runtime;
  beforeEach(async () => {
    world = await processWorld({ stopGraceMs: 500 });
    runtime = world.runtime;
  });
  afterEach(() => world.dispose());

  it('kills the whole group when TERM is ignored', async () => {
    const stubborn = `process.on('SIGTERM', () => console.log('not me'));\n`;
    const app = `${stubborn}require('node:child_process').spawn('node', ['child.js'], { stdio: 'inherit' });\n${SERVER}`;
    const child = `${stubborn}console.log('child ' + process.pid); setInterval(() => {}, 1000);`;
    await runtime.start(ref, launchOf(), sourceOf({ 'server.js': app, 'child.js': child }), readableLog());
    const { pid } = await ask(runtime, ref.name);
    const match = await until(async () => /child (\d+)/.exec(await printed(runtime, ref.name)));
    await runtime.stop(ref.name);
    expect([isLive(pid), isLive(Number(match[1]))]).toEqual([false, false]);
    expect(processesNaming(world.dataDir)).toEqual([]);
  });

  it('has ended what a failed start left when stop returns: nothing of the next one of this name is taken for it', async () => {
    const slow = await processWorld({ stopGraceMs: 20_000 });
    // Left in a session of its own, and ends when it is told, not by TERM: the looks for it come ever more seldom.
    const left = `trap 'while [ ! -e ended ]; do sleep 0.02; done; exit' TERM; echo there > began; while :; do sleep 0.02; done`;
    const fails = `setsid sh -c "${left}" > /dev/null 2>&1 & until [ -s began ]; do sleep 0.02; done; exit 3`;
    try {
      await slow.runtime.start(
        ref,
        launchOf((place) => ({ steps: [stepOf(place, 'setup', fails)] })),
        sourceOf(),
        readableLog(),
      );
      await untilState(slow.runtime, ref.name, 'exited');
      await delay(730); // The looks are as seldom as they get.
      const stopped = slow.runtime.stop(ref.name);
      await delay(50);
      await writeFile(join(slow.dataDir, 'instances', ref.name, 'tree', 'ended'), '');
      await stopped;

      await slow.runtime.start(
        ref,
        launchOf((place) => ({ steps: [stepOf(place, 'setup', 'sleep 0.5')] })),
        sourceOf(),
        readableLog(),
      );
      expect((await ask(slow.runtime, ref.name)).env.BRANCH_DEPLOYMENT_INSTANCE).toBe(ref.name);
    } finally {
      await slow.dispose();
    }
  });

  it('gives the app an environment that is built from nothing', async () => {
    const launch = launchOf((place) => ({
      steps: [stepOf(place, 'look', 'env')],
      processes: [
        {
          name: 'app',
          directory: place.tree,
          argv: ['node', 'server.js'],
          env: { MODE: 'preview', PORT: '1', HOME: '/' },
        },
      ],
    }));
    const log = readableLog();
    await runtime.start(ref, launch, sourceOf(), log);
    const { env } = await ask(runtime, ref.name);
    const { endpoint } = await untilState(runtime, ref.name, 'running');
    const folder = join(world.dataDir, 'instances', ref.name);
    const wanted = {
      PATH: process.env.PATH,
      HOME: `${folder}/home`,
      TMPDIR: `${folder}/tmp`,
      HOST: '127.0.0.1',
      PORT: String(endpoint.port),
      BRANCH_DEPLOYMENT_INSTANCE: ref.name,
    };
    expect(env).toEqual({ ...wanted, MODE: 'preview' });
    const ofStep = log
      .text()
      .split('\n')
      .filter((line) => /^[A-Z_]+=/.test(line) && !/^(PWD|OLDPWD|_|SHLVL)=/.test(line));
    expect(Object.fromEntries(ofStep.map((line) => line.split(/=(.*)/).slice(0, 2)))).toEqual(wanted);
  });

  it('tells which port an app listens on', async () => {
    const app = SERVER.replace('process.env.PORT', '0');
    await runtime.start(ref, launchOf(), sourceOf({ 'server.js': app }), readableLog());
    const ports = await until(async () => {
      const found = await runtime.listeningPorts?.(ref.name);
      return found?.length ? found : undefined;
    });
    const response = await fetch(`http://127.0.0.1:${ports[0]}/`);
    expect(response.status).toBe(200);
    const { endpoint } = await untilState(runtime, ref.name, 'running');
    expect(ports).not.toContain(endpoint.port);
    expect(await runtime.listeningPorts?.('mr-1-nothing-r1')).toEqual([]);
  });

  it('names a signal that ended a process', async () => {
    await runtime.start(ref, launchOf(), sourceOf(), readableLog());
    process.kill((await ask(runtime, ref.name)).pid, 'SIGKILL');
    const seen = await untilState(runtime, ref.name, 'exited');
    expect(seen).toEqual({ state: 'exited', code: null, reason: 'the app ended with signal SIGKILL' });
  });

  it('gives up setup when an early process ends', async () => {
    const launch = launchOf((place) => ({
      steps: [stepOf(place, 'setup', 'sleep 600')],
      processes: [
        { name: 'webserver', directory: place.tree, argv: ['/bin/sh', '-c', 'exit 5'], env: {}, early: true },
      ],
    }));
    await runtime.start(ref, launch, sourceOf(), readableLog());
    expect(await untilState(runtime, ref.name, 'exited')).toMatchObject({
      reason: 'the webserver ended with exit code 5',
    });
    await until(() => processesNaming(world.dataDir).length === 0);
  });

  it('says that a program or a folder is not there', async () => {
    const noProgram = launchOf((place) => ({
      processes: [{ name: 'app', directory: place.tree, argv: ['/no/such'], env: {} }],
    }));
    await runtime.start(ref, noProgram, sourceOf(), readableLog());
    expect(await untilState(runtime, ref.name, 'exited')).toMatchObject({
      reason: 'the app could not be started: there is no program /no/such',
    });
    const noFolder = launchOf((place) => ({
      processes: [{ name: 'app', directory: join(place.tree, 'web'), argv: ['node'], env: {} }],
    }));
    await runtime.start(ref, noFolder, sourceOf(), readableLog());
    expect(await untilState(runtime, ref.name, 'exited')).toMatchObject({
      reason: 'the app could not be started: there is no folder web',
    });
  });

  it('stops an instance whose setup ignores TERM and has children', async () => {
    const launch = launchOf((place) => ({ steps: [stepOf(place, 'setup', "trap '' TERM; sleep 600; sleep 600")] }));
    await runtime.start(ref, launch, sourceOf(), readableLog());
    await until(() => processesNaming(world.dataDir).length >= 2);
    await runtime.stop(ref.name);
    expect(processesNaming(world.dataDir)).toEqual([]);
    expect(await runtime.list()).toEqual([]);
  });

  it('lets steps and hooks print through /dev/stdout and /dev/stderr', async () => {
    const launch = launchOf((place) => ({
      steps: [stepOf(place, 'setup', 'echo one > /dev/stderr; echo two | tee /dev/stderr; seq 300000 | tail -n 1')],
    }));
    const log = readableLog();
    await runtime.start(ref, launch, sourceOf(), log);
    await ask(runtime, ref.name);
    expect(log.text()).toMatch(/\none\ntwo\ntwo\n300000\nsetup: done/);
    const hookLog = readableLog();
    expect(await runtime.exec(ref.name, 'seq 300000; echo end > /dev/stdout', hookLog)).toBe(0);
    expect(hookLog.text().split('\n')).toHaveLength(300_002);
  });

  it('does not wait for what a step left running', async () => {
    const launch = launchOf((place) => ({
      steps: [stepOf(place, 'setup', 'sleep 600 & setsid sleep 601 & echo done')],
    }));
    await runtime.start(ref, launch, sourceOf(), readableLog());
    await ask(runtime, ref.name);
    await runtime.stop(ref.name);
    expect(processesNaming(world.dataDir)).toEqual([]);
  });

  it('cuts the output to its last half, and offsets stay what they were', async () => {
    await world.dispose();
    world = await processWorld({ outputLimitBytes: 20_000 });
    runtime = world.runtime;
    const app = `for (let line = 0; line < 2000; line += 1) console.log('line ' + String(line).padStart(4, '0'));\n${SERVER}`;
    await runtime.start(ref, launchOf(), sourceOf({ 'server.js': app }), readableLog());
    await ask(runtime, ref.name);
    const whole = 2000 * 10 + 'listening\n'.length;
    await until(async () => (await printed(runtime, ref.name)).length <= 10_000);
    const kept = await printed(runtime, ref.name);
    expect(kept.length).toBeGreaterThan(9_000);
    expect(kept).toMatch(/^line 1\d\d\d\n/);
    await ask(runtime, ref.name, '/print?afterwards');
    expect(await printed(runtime, ref.name, { from: whole })).toBe('afterwards\n');
    runtime = await world.restart();
    expect(await printed(runtime, ref.name, { from: whole })).toBe('afterwards\n');
  });

  it('refuses to write or remove outside of the instance', async () => {
    const reasons: string[] = [];
    const plans: Array<Parameters<typeof launchOf>[0]> = [
      (place) => ({ files: [{ path: join(place.tree, '..', 'instance.json'), content: '' }] }),
      (place) => ({ files: [{ path: `${place.work}/../instance.json`, content: '' }] }),
      (place) => ({ removeFromTree: [place.work] }),
    ];
    for (const plan of plans) {
      await runtime.start(ref, launchOf(plan), sourceOf(), readableLog());
      reasons.push((await untilState(runtime, ref.name, 'exited')).reason.replaceAll(world.dataDir, ''));
    }
    expect(reasons).toEqual([
      "/instances/mr-7-shop-r1/instance.json is neither below the instance's work folder nor below the deployment's",
      "/instances/mr-7-shop-r1/work/../instance.json is neither below the instance's work folder nor below the deployment's",
      '/instances/mr-7-shop-r1/work is not below the tree',
    ]);
    await expect(runtime.stop('../deployments')).rejects.toThrow(RangeError);
  });
});
