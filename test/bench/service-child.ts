import { readConfig } from '../../src/config.ts';
import { createLog } from '../../src/log.ts';
import { startService } from '../../src/service.ts';
import { InstantRuntime } from '../support/instant-runtime.ts';
import type { Question } from './child-service.ts';

/** The program of a `ChildService`: started with `instant`, its instances are there at once. */
const runtime = process.argv[2] === 'instant' ? new InstantRuntime() : undefined;
const service = await startService(readConfig(process.env, { uid: process.getuid?.() }), {
  log: createLog('silent'),
  ...(runtime ? { runtime } : {}),
});
process.on('message', async (question: Question) => {
  if ('idleForMs' in question) process.send?.(service.idle(Date.now() + question.idleForMs));
  if ('peakMb' in question) process.send?.(process.resourceUsage().maxRSS / 1024);
  if ('stop' in question) {
    await service.stop();
    await runtime?.dispose();
    process.exit(0);
  }
});
process.send?.('started');
