import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createProcessRuntime, type ProcessRuntimeOptions } from '../../src/runtimes/process.ts';
import type { Runtime } from '../../src/runtimes/runtime.ts';
import type { RuntimeUnderTest } from './contract.ts';

/** A process runtime over a data directory of its own. */
export interface ProcessWorld extends RuntimeUnderTest {
  readonly dataDir: string;
  /** What the runtime told the operator. */
  readonly said: string[];
  /** Another runtime object over the same data; the first is left as it is, as after a kill. */
  another(): Runtime;
}

/** Makes a world; with a short grace, because no test's app needs a long one. */
export async function processWorld(options: Partial<ProcessRuntimeOptions> = {}): Promise<ProcessWorld> {
  const dataDir = await mkdtemp(join(tmpdir(), 'process-runtime-'));
  await chmod(dataDir, options.user ? 0o711 : 0o700);
  const said: string[] = [];
  const runtimes: Runtime[] = [];
  const another = (): Runtime => {
    const passEnv = { PATH: process.env.PATH ?? '/usr/bin:/bin' };
    const say = (line: string): void => void said.push(line);
    const runtime = createProcessRuntime({ dataDir, user: null, passEnv, stopGraceMs: 2_000, say, ...options });
    runtimes.push(runtime);
    return runtime;
  };
  return {
    dataDir,
    said,
    runtime: another(),
    another,
    restart: async () => {
      await runtimes.at(-1)?.close();
      return another();
    },
    dispose: async () => {
      for (const runtime of runtimes) await runtime.close();
      const last = another();
      for (const name of await last.list()) await last.stop(name);
      await last.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
