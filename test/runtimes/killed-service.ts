/** A service that starts and stops one instance again and again until it is killed: `process-kill.test.ts` runs it. */
import { createProcessRuntime } from '../../src/runtimes/process.ts';
import { ask, readableLog, sourceOf } from './apps.ts';
import { fullLaunch, killedRef } from './full-launch.ts';

const dataDir = process.argv[2] as string;
const runtime = createProcessRuntime({
  dataDir,
  user: null,
  passEnv: { PATH: process.env.PATH ?? '/usr/bin:/bin' },
  stopGraceMs: 2_000,
});
process.stdout.write('ready\n');
for (let round = 0; ; round += 1) {
  await runtime.start(killedRef, fullLaunch(String(round)), sourceOf(), readableLog());
  await ask(runtime, killedRef.name);
  await runtime.stop(killedRef.name);
}
