import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Database } from '../../src/store/sqlite.ts';
import { openStore, type Store } from '../../src/store/store.ts';
import { until } from '../support/poll.ts';

let folder: string;
let file: string;
let store: Store;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bd-store-'));
  file = join(folder, 'service.sqlite');
  store = openStore(file, { checkpointEveryMs: 20 });
});
afterEach(() => {
  store.close();
  rmSync(folder, { recursive: true, force: true });
});

/** What is left where the write-ahead log is lost. */
function rowsWithoutLog(): unknown[] {
  const copy = join(folder, 'copy.sqlite');
  copyFileSync(file, copy);
  const db = new Database(copy);
  try {
    return db.prepare('select subject from work order by subject').all();
  } catch {
    // Copied in the middle of it, or before anything was moved.
    return [];
  } finally {
    db.close();
  }
}

it('a service that writes little has it in the database file soon', async () => {
  store.work.mark('deployment:1', 'instance', 1);
  await until('the row to be in the file', () => rowsWithoutLog().length === 1);

  store.work.mark('deployment:2', 'instance', 1);
  await until('the next one to be in the file', () => rowsWithoutLog().length === 2);
});

it('a transaction is all or nothing, and gives back what its act does', () => {
  const failing = () =>
    store.transaction(() => {
      store.work.mark('deployment:1', 'instance', 1);
      throw new Error('no');
    });

  expect(failing).toThrow('no');
  expect(store.work.all()).toEqual([]);
  expect(store.transaction(() => store.transaction(() => 7))).toBe(7);
});

it('of what arrives at once, what fails takes nothing else with it', async () => {
  let runs = 0;
  const failing = () => {
    runs += 1;
    store.work.mark('deployment:1', 'instance', 1);
    throw new Error('no');
  };
  const answers = await Promise.allSettled([
    store.batched(() => store.work.mark('deployment:2', 'instance', 1)),
    store.batched(failing),
    store.batched(() => 7),
  ]);
  expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect(store.work.all().map(({ subject }) => subject)).toEqual(['deployment:2']);

  runs = 0;
  await expect(store.batched(failing)).rejects.toThrow('no');
  expect(runs).toBe(1);
});
