import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Runtime } from '../../src/runtimes/runtime.ts';
import {
  ask,
  launchOf,
  launchOfTwo,
  printed,
  readableLog,
  SERVER,
  sourceOf,
  stepOf,
  until,
  untilState,
} from './apps.ts';
import { testBeside } from './contract-beside.ts';
import { testOptionalParts } from './contract-optional.ts';
import { testPersist } from './contract-persist.ts';
import { testPlans } from './contract-plan.ts';

/** A runtime and what a test does to the world around it. */
export interface RuntimeUnderTest {
  readonly runtime: Runtime;
  /** Closes the runtime and makes another one over the same data, as when the service is started again. */
  restart(): Promise<Runtime>;
  /** Ends and removes everything. */
  dispose(): Promise<void>;
}

const ref = { name: 'mr-7-shop-r1', deployment: 'mr-7-shop' };

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

    testPlans(() => runtime);
    testPersist(() => runtime);
    testBeside(() => runtime);
    testOptionalParts(
      () => runtime,
      async () => {
        runtime = await world.restart();
      },
    );

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

    it('tells that an app ended at once', async () => {
      await runtime.start(ref, launchOf(), sourceOf({ 'server.js': 'process.exit(4)' }), readableLog());
      const seen = await untilState(runtime, ref.name, 'exited');
      expect(seen).toEqual({ state: 'exited', code: 4, reason: 'the app ended with exit code 4' });
    });

    it('ends all processes of an instance when one of them ends', async () => {
      const launch = launchOfTwo('server.js');
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
