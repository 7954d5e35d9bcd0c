/**
 * Given to Node by `--import`, before the service itself, as `database-time.mjs?<package of SQLite>`: adds up the CPU time of SQLite's
 * statements, and prints it at each SIGUSR2.
 */
import { createRequire } from 'node:module';

const Database = createRequire(process.argv[1])(new URL(import.meta.url).search.slice(1));
const statements = Object.getPrototypeOf(new Database(':memory:').prepare('select 1'));
let usedMs = 0;
let asked = 0;
for (const name of ['run', 'get', 'all']) {
  const call = statements[name];
  statements[name] = function (...values) {
    const began = process.cpuUsage();
    try {
      return call.apply(this, values);
    } finally {
      const { user, system } = process.cpuUsage(began);
      usedMs += (user + system) / 1000;
    }
  };
}
process.on('SIGUSR2', () => process.stderr.write(`database-cpu ${++asked} ${usedMs}\n`));
