import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createLog } from '../../src/log.ts';
import { createLoop, type Loop } from '../../src/reconcile/loop.ts';
import { again, DONE, lookAgain, type Reconciler } from '../../src/reconcile/reconciler.ts';
import { Database } from '../../src/store/sqlite.ts';
import { openStore, type Store } from '../../src/store/store.ts';
import { until } from '../support/poll.ts';

/** A loop of its own on a store of its own; `reconcile` is the pass of every instance. */
async function withLoop(
  reconcile: Reconciler['reconcile'],
  act: (t: { loop: Loop; store: Store; file: string; said: string[] }) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'bd-loop-'));
  const file = join(folder, 'service.sqlite');
  const store = openStore(file);
  const said: string[] = [];
  const log = createLog('info', { write: (line: string) => void said.push(line) });
  const loop = createLoop({
    store,
    bootId: 'boot',
    now: Date.now,
    log,
    reconcilers: [{ kind: 'instance', reconcile }],
  });
  try {
    loop.start();
    await act({ loop, store, file, said });
  } finally {
    await loop.stop();
    store.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

it('the loop outlives a database that cannot be written, and goes on when it can', { timeout: 40_000 }, async () => {
  const seen: number[] = [];
  await withLoop(
    async (id) => {
      seen.push(id);
      return DONE;
    },
    async ({ store, file, said }) => {
      const other = new Database(file);
      try {
        store.work.mark('deployment:7', 'instance', Date.now() + 100);
        other.exec('BEGIN IMMEDIATE');
        await until('the loop to say that it cannot write', () =>
          said.some((line) => line.includes('the database cannot be written')),
        );
        other.exec('ROLLBACK');

        await until('the work to be done all the same', () => seen.includes(7));
      } finally {
        other.close();
      }
    },
  );
});

it('the loop is idle while it only looks again at what was in order, however many there are', async () => {
  const passes = new Map<number, number>();
  await withLoop(
    async (id) => {
      passes.set(id, (passes.get(id) ?? 0) + 1);
      return id === 1 ? again(300) : lookAgain(300);
    },
    async ({ loop, store }) => {
      for (const id of [2, 3, 4]) store.work.mark(`deployment:${id}`, 'instance', Date.now());
      await until('each to be looked at', () => [2, 3, 4].every((id) => passes.has(id)));
      await until('the loop to be idle', () => loop.idle(Date.now() + 1_000));

      store.work.mark('deployment:1', 'instance', Date.now());
      expect(loop.idle(Date.now() + 1_000)).toBe(false);
      await until('it to be looked at', () => passes.has(1));
      expect(loop.idle(Date.now() + 1_000)).toBe(false);
    },
  );
});
