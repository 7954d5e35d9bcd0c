import { readConfig } from '../../src/config.ts';
import { createLog } from '../../src/log.ts';
import { startService } from '../../src/service.ts';
import { InstantRuntime } from '../support/instant-runtime.ts';

/**
 * The service in a process of its own, so that its memory is not that of the stand-in GitLab; instances are there at once. Asked by
 * messages, it tells whether nothing is due soon, and its largest memory so far.
 */
const runtime = new InstantRuntime();
const service = await startService(readConfig(process.env, { uid: process.getuid?.() }), {
  log: createLog('silent'),
  runtime,
});
process.on('message', async (message) => {
  if (message === 'is it idle') process.send?.(service.idle(Date.now() + 2_500));
  if (message === 'peak memory in MB') process.send?.(process.resourceUsage().maxRSS / 1024);
  if (message === 'stop') {
    await service.stop();
    await runtime.dispose();
    process.exit(0);
  }
});
process.send?.('started');
