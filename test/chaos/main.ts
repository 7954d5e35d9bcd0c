import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { buildService, ServiceProcess } from '../support/service-process.ts';
import { openWorld } from '../support/world.ts';
import { Rounds } from './rounds.ts';

/**
 * A long run of everything that can go wrong at once: a faulty GitLab, webhooks that are lost, late or doubled, outages, and a service that
 * is killed and stopped in between. Ends with what was done and what held, and with exit code 1 where something did not.
 */
const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string' },
    help: { type: 'boolean', short: 'h' },
  },
});
const minutes = Number(values.minutes);
const seed = values.seed === undefined ? randomInt(2 ** 31) : Number(values.seed);
if (values.help || !(minutes > 0) || !Number.isSafeInteger(seed)) {
  process.stderr.write('npm run chaos -- [--minutes 10] [--seed 1]\n');
  process.exit(2);
}

const say = (line: string) => void process.stdout.write(`${line}\n`);
say(`chaos for ${minutes} minutes, seed ${seed}`);
const built = await buildService();
const world = await openWorld({ pipelines: false, startsService: false, env: { BD_SWEEP_EVERY: '3s' } });
const service = new ServiceProcess({ main: built.main, env: world.env });
await service.start();
const rounds = new Rounds({ world, service, seed, sweepMs: 3_000 });
const until = Date.now() + minutes * 60_000;
let failed = false;
try {
  while (Date.now() < until && !failed) failed = !(await rounds.play(say));
  failed ||= !(await rounds.finish(say));
} catch (error) {
  failed = true;
  say(`the run itself failed: ${error instanceof Error ? error.stack : String(error)}`);
}
for (const line of rounds.table()) say(line);
if (failed) say(`\nThe last lines of the service's log:\n${service.logLines.slice(-80).join('')}`);
say(`\nseed ${seed}: ${failed ? 'something did not hold' : 'everything held'}`);
await service.end('SIGTERM').catch(() => {});
await world.close().catch((error: unknown) => {
  failed = true;
  say(String(error));
});
built.dispose();
process.exit(failed ? 1 : 0);
