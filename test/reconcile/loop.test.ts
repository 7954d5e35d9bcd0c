import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'vitest';
import { createLog } from '../../src/log.ts';
import { createLoop } from '../../src/reconcile/loop.ts';
import { DONE } from '../../src/reconcile/reconciler.ts';
import { Database } from '../../src/store/sqlite.ts';
import { openStore } from '../../src/store/store.ts';
import { until } from '../support/poll.ts';

it('the loop outlives a database that cannot be written, and goes on when it can', { timeout: 40_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'bd-loop-'));
  const file = join(folder, 'service.sqlite');
  const store = openStore(file);
  const seen: number[] = [];
  const said: string[] = [];
  const loop = createLoop({
    store,
    bootId: 'boot',
    now: Date.now,
    log: createLog('info', { write: (line: string) => void said.push(line) }),
    reconcilers: [
      {
        kind: 'instance',
        reconcile: async (id) => {
          seen.push(id);
          return DONE;
        },
      },
    ],
  });
  const other = new Database(file);
  try {
    loop.start();
    store.work.mark('deployment:7', 'instance', Date.now() + 100);
    other.exec('BEGIN IMMEDIATE');
    await until('the loop to say that it cannot write', () =>
      said.some((line) => line.includes('the database cannot be written')),
    );
    other.exec('ROLLBACK');

    await until('the work to be done all the same', () => seen.includes(7));
  } finally {
    await loop.stop();
    other.close();
    store.close();
    rmSync(folder, { recursive: true, force: true });
  }
});
