import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Runtime } from '../../src/runtimes/runtime.ts';
import { ask, launchOf, printed, readableLog, SERVER, sourceOf, stepOf, until, untilState } from './apps.ts';

/** A runtime and what a test does to the world around it. */
export interface RuntimeUnderTest {
  readonly runtime: Runtime;
  /** Closes the runtime and makes another one over the same data, as when the service is started again. */
  restart(): Promise<Runtime>;
  /** Ends and removes everything. */
  dispose(): Promise<void>;
}

const ref = { name: 'mr-7-shop-r1', deployment: 'mr-7-shop' };
const next = { name: 'mr-7-shop-r2', deployment: 'mr-7-shop' };

/** The contract of `runtime.ts`, as cases that every runtime passes. Its instances need `node` and a POSIX shell. */
export function testRuntime(kind: Runtime['kind'], make: () => Promise<RuntimeUnderTest>): void {
  describe(`the contract of runtimes, kept by ${kind}`, () => {
    let world: RuntimeUnderTest;
    let runtime: Runtime;
    beforeEach(async () => {
      world = await make();
      runtime = world.runtime;
    });
    afterEach(() => world.dispose());

    it('names its kind', () => {
      expect(runtime.kind).toBe(kind);
    });

    it('runs an instance, which answers at the endpoint', async () => {
      await runtime.start(ref, launchOf(), sourceOf(), readableLog());
      const { env } = await ask(runtime, ref.name);
      const { endpoint } = await untilState(runtime, ref.name, 'running');
      expect(env.PORT).toBe(String(endpoint.port));
      expect(await runtime.list()).toEqual([ref.name]);
    });

    it('returns from start while setup runs, and says which step it is at', async () => {
      const launch = launchOf((place) => ({ steps: [stepOf(place, 'setup', 'sleep 600')] }));
      await runtime.start(ref, launch, sourceOf(), readableLog());
      await until(async () => {
        const seen = await runtime.observe(ref.name);
        return seen.state === 'starting' && seen.step === 'setup';
      });
    });

    it('leaves a running instance alone when it is started again', async () => {
      await runtime.start(ref, launchOf(), sourceOf(), readableLog());
      const { pid } = await ask(runtime, ref.name);
      await runtime.start(ref, launchOf(), sourceOf(), readableLog());
      expect((await ask(runtime, ref.name)).pid).toBe(pid);
    });

    it('makes one instance of two starts at once', async () => {
      let plans = 0;
      const launch = launchOf(() => {
        plans += 1;
        return {};
      });
      await Promise.all([1, 2, 3].map(() => runtime.start(ref, launch, sourceOf(), readableLog())));
      await ask(runtime, ref.name);
      expect(plans).toBe(1);
    });

    it('runs the steps in order in the tree and reports them to the log', async () => {
      const log = readableLog();
      const launch = launchOf((place) => ({
        steps: [
          { ...stepOf(place, 'setup', 'echo one; echo two >&2; echo "$MODE" > mode'), env: { MODE: 'preview' } },
          stepOf(place, 'prepare', 'cat mode'),
        ],
      }));
      await runtime.start(ref, launch, sourceOf(), log);
      await ask(runtime, ref.name);
      expect(log.text().replaceAll(/\d+\.\d s/g, '<time>')).toBe(
        [
          'setup: echo one; echo two >&2; echo "$MODE" > mode',
          'one',
          'two',
          'setup: done in <time>',
          'prepare: cat mode',
          'preview',
          'prepare: done in <time>',
          '',
        ].join('\n'),
      );
    });

    it('tells that setup failed, and with what', async () => {
      const log = readableLog();
      const launch = launchOf((place) => ({ steps: [stepOf(place, 'setup', 'echo no lock file; exit 3')] }));
      await runtime.start(ref, launch, sourceOf(), log);
      const seen = await untilState(runtime, ref.name, 'exited');
      expect(seen).toEqual({ state: 'exited', code: 3, reason: 'setup failed with exit code 3' });
      expect(log.text()).toContain('no lock file');
    });

    it('tells that the source could not be unpacked', async () => {
      const source = { unpackInto: () => Promise.reject(new Error('the bundle is gone')) };
      await runtime.start(ref, launchOf(), source, readableLog());
      expect(await untilState(runtime, ref.name, 'exited')).toMatchObject({ reason: 'the bundle is gone' });
    });

    it('tells that an app ended at once', async () => {
      await runtime.start(ref, launchOf(), sourceOf({ 'server.js': 'process.exit(4)' }), readableLog());
      const seen = await untilState(runtime, ref.name, 'exited');
      expect(seen).toEqual({ state: 'exited', code: 4, reason: 'the app ended with exit code 4' });
    });

    it('ends all processes of an instance when one of them ends', async () => {
      const launch = launchOf(
        (place) => ({
          processes: [
            { name: 'webserver', directory: place.tree, argv: ['node', 'server.js'], env: {} },
            {
              name: 'code server',
              directory: place.tree,
              argv: ['node', 'server.js'],
              env: { PORT_OF_CODE: String(place.ports.code) },
            },
          ],
        }),
        { ports: ['http', 'code'] },
      );
      const code = SERVER.replace('process.env.PORT', 'process.env.PORT_OF_CODE || process.env.PORT');
      await runtime.start(ref, launch, sourceOf({ 'server.js': code }), readableLog());
      await ask(runtime, ref.name);
      const { endpoint } = await untilState(runtime, ref.name, 'running');
      await fetch(`http://${endpoint.host}:${endpoint.port}/exit?9`).catch(() => {});
      const seen = await untilState(runtime, ref.name, 'exited');
      expect(seen).toEqual({ state: 'exited', code: 9, reason: 'the webserver ended with exit code 9' });
      await until(async () => (await runtime.listeningPorts?.(ref.name))?.length !== 1);
    });

    it('starts an exited instance anew', async () => {
      await runtime.start(ref, launchOf(), sourceOf({ 'server.js': 'process.exit(4)' }), readableLog());
      await untilState(runtime, ref.name, 'exited');
      await runtime.start(ref, launchOf(), sourceOf(), readableLog());
      await ask(runtime, ref.name);
      expect(await printed(runtime, ref.name)).toBe('listening\n');
    });

    it('stops an instance so that nothing of it is left', async () => {
      await runtime.start(ref, launchOf(), sourceOf(), readableLog());
      await ask(runtime, ref.name);
      const { endpoint } = await untilState(runtime, ref.name, 'running');
      await Promise.all([runtime.stop(ref.name), runtime.stop(ref.name)]);
      expect(await runtime.observe(ref.name)).toEqual({ state: 'absent' });
      expect(await runtime.list()).toEqual([]);
      await expect(fetch(`http://${endpoint.host}:${endpoint.port}/`)).rejects.toThrow();
      await runtime.stop(ref.name);
    });

    it('takes a stop of what was never there', async () => {
      await runtime.stop('mr-1-nothing-r1');
      expect(await runtime.observe('mr-1-nothing-r1')).toEqual({ state: 'absent' });
    });

    it('stops an instance in the middle of setup', async () => {
      const launch = launchOf((place) => ({ steps: [stepOf(place, 'setup', 'sleep 600')] }));
      await runtime.start(ref, launch, sourceOf(), readableLog());
      await until(async () => {
        const seen = await runtime.observe(ref.name);
        return seen.state === 'starting' && seen.step === 'setup';
      });
      await runtime.stop(ref.name);
      expect(await runtime.observe(ref.name)).toEqual({ state: 'absent' });
      expect(await runtime.list()).toEqual([]);
    });

    it('gives what the processes print, from a byte on, and as it comes', async () => {
      await runtime.start(ref, launchOf(), sourceOf(), readableLog());
      await ask(runtime, ref.name);
      expect(await printed(runtime, ref.name)).toBe('listening\n');
      expect(await printed(runtime, ref.name, { from: 7 })).toBe('ng\n');

      const follow = new AbortController();
      const seen: string[] = [];
      const following = (async () => {
        for await (const chunk of runtime.logs(ref.name, { follow: follow.signal }))
          seen.push(Buffer.from(chunk).toString());
      })();
      await ask(runtime, ref.name, '/print?again');
      await until(() => seen.join('') === 'listening\nagain\n');
      follow.abort();
      await following;
    });

    it('ends a followed log when the instance ends', async () => {
      await runtime.start(ref, launchOf(), sourceOf(), readableLog());
      await ask(runtime, ref.name);
      const chunks: Uint8Array[] = [];
      const following = (async () => {
        for await (const chunk of runtime.logs(ref.name, { follow: new AbortController().signal })) chunks.push(chunk);
      })();
      await runtime.stop(ref.name);
      await following;
      expect(Buffer.concat(chunks).toString()).toMatch(/^(listening\n)?$/);
    });

    it('runs a command where the instance runs, with its environment', async () => {
      const launch = launchOf((place) => ({
        processes: [{ name: 'app', directory: place.tree, argv: ['node', 'server.js'], env: { SCHEMA: 'mr_7' } }],
      }));
      await runtime.start(ref, launch, sourceOf(), readableLog());
      const { env } = await ask(runtime, ref.name);
      const log = readableLog();
      expect(await runtime.exec(ref.name, 'ls; echo "$SCHEMA $PORT"; exit 6', log)).toBe(6);
      expect(log.text()).toBe(`server.js\nmr_7 ${env.PORT}\n`);
      await expect(runtime.exec('mr-1-nothing-r1', 'true', log)).rejects.toThrow('mr-1-nothing-r1');
    });

    it('keeps the data of a deployment from instance to instance', async () => {
      const launch = launchOf((place) => ({
        steps: [stepOf(place, 'prepare', `echo ${place.name} >> ${place.data}/names; cat ${place.data}/names`)],
      }));
      await runtime.start(ref, launch, sourceOf(), readableLog());
      await ask(runtime, ref.name);
      await runtime.stop(ref.name);
      const log = readableLog();
      await runtime.start(next, launch, sourceOf(), log);
      await ask(runtime, next.name);
      expect(log.text()).toContain(`${ref.name}\n${next.name}\n`);
      await runtime.stop(next.name);
      await runtime.removeData(ref.deployment);
      await runtime.removeData(ref.deployment);
      const afterwards = readableLog();
      await runtime.start(ref, launch, sourceOf(), afterwards);
      await ask(runtime, ref.name);
      expect(afterwards.text()).not.toContain(next.name);
    });

    it('runs two instances of a deployment side by side', async () => {
      await runtime.start(ref, launchOf(), sourceOf(), readableLog());
      await runtime.start(next, launchOf(), sourceOf(), readableLog());
      const [one, other] = [await ask(runtime, ref.name), await ask(runtime, next.name)];
      expect(one.pid).not.toBe(other.pid);
      expect(one.env.HOME).not.toBe(other.env.HOME);
      expect((await runtime.list()).sort()).toEqual([ref.name, next.name]);
      await runtime.stop(ref.name);
      expect((await ask(runtime, next.name)).pid).toBe(other.pid);
    });

    it('writes the files of the plan and takes out of the tree what it names, before anything runs', async () => {
      const log = readableLog();
      const launch = launchOf((place) => ({
        removeFromTree: [`${place.tree}/.env`, `${place.tree}/etl/.env`, `${place.tree}/none/.env`],
        files: [
          { path: `${place.work}/generated/workspace.yaml`, content: "it's here\n" },
          { path: `${place.data}/home.yaml`, content: 'and here\n' },
        ],
        steps: [
          stepOf(place, 'look', `cat ${place.work}/generated/workspace.yaml ${place.data}/home.yaml; ls -A . .git etl`),
        ],
      }));
      const files = { 'server.js': SERVER, '.env': 'A=1', 'etl/.env': 'B=2', 'etl/defs.py': '' };
      await runtime.start(ref, launch, sourceOf(files), log);
      await ask(runtime, ref.name);
      const wanted = "it's here\nand here\n.:\n.git\netl\nserver.js\n\n.git:\n\netl:\ndefs.py\n";
      expect(log.text()).toContain(wanted);
    });

    it('starts early processes while steps run, but after what makes a shared folder', async () => {
      const launch = launchOf((place) => ({
        steps: [
          stepOf(place, 'setup', `until test -e ${place.work}/early; do sleep 0.05; done`),
          {
            ...stepOf(place, 'tools', `echo tools > ${place.shared}/tools/version`),
            makesShared: { path: `${place.shared}/tools` },
          },
        ],
        processes: [
          { name: 'app', directory: place.tree, argv: ['node', 'server.js'], env: {} },
          {
            name: 'webserver',
            directory: place.tree,
            argv: ['/bin/sh', '-c', `cat ${place.shared}/tools/version && touch ${place.work}/early && exec sleep 600`],
            env: {},
            early: true,
          },
        ],
      }));
      await runtime.start(ref, launch, sourceOf(), readableLog());
      await ask(runtime, ref.name);
      expect(await printed(runtime, ref.name)).toContain('tools\n');
    });

    it('makes a shared folder once for all', async () => {
      const logs = [readableLog(), readableLog()] as const;
      const launch = launchOf((place) => ({
        steps: [
          {
            ...stepOf(place, 'tools', `echo made; sleep 0.3; echo $$ > ${place.shared}/tools/version`),
            makesShared: { path: `${place.shared}/tools` },
          },
        ],
      }));
      await Promise.all([
        runtime.start(ref, launch, sourceOf(), logs[0]),
        runtime.start(next, launch, sourceOf(), logs[1]),
      ]);
      await ask(runtime, ref.name);
      await ask(runtime, next.name);
      expect(logs.filter((log) => log.text().includes('made\n'))).toHaveLength(1);
    });

    it('gives kept outputs of a step to a later instance as a private copy', async () => {
      const key = 'a'.repeat(64);
      const launch = launchOf((place) => ({
        steps: [
          {
            ...stepOf(place, 'setup', 'echo ran; mkdir -p node_modules/x; echo module > node_modules/x/index.js'),
            keep: { key, outputs: [`${place.tree}/node_modules`, `${place.tree}/.venv`] },
          },
          stepOf(place, 'look', `cat node_modules/x/index.js; echo ${place.name} > node_modules/x/index.js`),
        ],
      }));
      const logs = [readableLog(), readableLog(), readableLog()] as const;
      for (const [index, log] of logs.entries()) {
        const name = `mr-7-shop-r${index + 1}`;
        await runtime.start({ name, deployment: ref.deployment }, launch, sourceOf(), log);
        await ask(runtime, name);
      }
      expect(logs.map((log) => log.text().includes('ran\n'))).toEqual([true, false, false]);
      for (const log of logs) expect(log.text()).toContain('\nmodule\n');
    });

    it('adopts a running instance after a restart of the service', async () => {
      await runtime.start(ref, launchOf(), sourceOf(), readableLog());
      const { pid } = await ask(runtime, ref.name);
      runtime = await world.restart();
      expect((await ask(runtime, ref.name)).pid).toBe(pid);
      expect(await printed(runtime, ref.name)).toBe('listening\n');
      await runtime.start(ref, launchOf(), sourceOf(), readableLog());
      expect((await ask(runtime, ref.name)).pid).toBe(pid);
      await runtime.stop(ref.name);
      expect(await runtime.observe(ref.name)).toEqual({ state: 'absent' });
    });

    it('finds after a restart that an instance has ended', async () => {
      await runtime.start(ref, launchOf(), sourceOf(), readableLog());
      await ask(runtime, ref.name);
      const { endpoint } = await untilState(runtime, ref.name, 'running');
      runtime = await world.restart();
      await untilState(runtime, ref.name, 'running');
      await fetch(`http://${endpoint.host}:${endpoint.port}/exit?0`).catch(() => {});
      expect(await untilState(runtime, ref.name, 'exited')).toMatchObject({
        reason: expect.stringContaining('the app ended'),
      });
    });

    it('counts a start that the end of the service interrupted as absent, and starts it again', async () => {
      const slow = launchOf((place) => ({ steps: [stepOf(place, 'setup', 'sleep 600')] }));
      await runtime.start(ref, slow, sourceOf(), readableLog());
      await until(async () => {
        const seen = await runtime.observe(ref.name);
        return seen.state === 'starting' && seen.step === 'setup';
      });
      runtime = await world.restart();
      expect(await runtime.observe(ref.name)).toEqual({ state: 'absent' });
      expect(await runtime.list()).toEqual([ref.name]);
      await runtime.start(ref, launchOf(), sourceOf(), readableLog());
      await ask(runtime, ref.name);
    });
  });
}
