import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { takeLock } from '../../src/store/lock.ts';
import type { WorkRow } from '../../src/store/schema.ts';
import { openStore, type Store } from '../../src/store/store.ts';

let folder: string;
let store: Store;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bd-store-'));
  store = openStore(join(folder, 'service.sqlite'));
});
afterEach(() => {
  store.close();
  rmSync(folder, { recursive: true, force: true });
});

describe('work', () => {
  it('that is marked twice is one row, due at the earlier time', () => {
    store.work.mark('deployment:1', 'instance', 500);
    store.work.mark('deployment:1', 'instance', 300);
    store.work.mark('deployment:1', 'instance', 900);

    expect(store.work.all()).toMatchObject([{ subject: 'deployment:1', dueAt: 300, marks: 3 }]);
  });

  it('is claimed once, the longest due first, and never before its time', () => {
    store.work.mark('deployment:1', 'instance', 300);
    store.work.mark('deployment:2', 'instance', 200);
    store.work.mark('deployment:3', 'instance', 900);

    expect([
      store.work.claim(500, 'boot')?.subject,
      store.work.claim(500, 'boot')?.subject,
      store.work.claim(500, 'boot')?.subject,
    ]).toEqual(['deployment:2', 'deployment:1', undefined]);
  });

  it('that is marked while it runs is due again at once', () => {
    store.work.mark('deployment:1', 'instance', 1);
    const row = store.work.claim(10, 'boot');
    store.work.mark('deployment:1', 'instance', 10);
    store.work.complete(row as NonNullable<typeof row>);

    expect(store.work.claim(10, 'boot')).toMatchObject({ subject: 'deployment:1', marks: 2 });
  });

  it('that is marked for later while it runs is looked at then, and not only at once', () => {
    store.work.mark('deployment:1', 'instance', 1);
    store.work.mark('deployment:2', 'instance', 2);
    const rows = [store.work.claim(10, 'boot'), store.work.claim(10, 'boot')] as const;
    for (const id of [1, 2] as const) {
      store.work.mark(`deployment:${id}`, 'instance', 2_000);
      store.work.mark(`deployment:${id}`, 'instance', 3_000);
    }
    store.work.complete(rows[0] as WorkRow);
    store.work.again(rows[1] as WorkRow, 60_000);

    expect(store.work.claim(1_999, 'boot')).toBeUndefined();
    expect(store.work.nextDueAt()).toBe(2_000);
    expect([store.work.claim(2_000, 'boot'), store.work.claim(2_000, 'boot')]).toMatchObject([
      { subject: 'deployment:1' },
      { subject: 'deployment:2' },
    ]);
  });

  it('of an earlier life is due again, that of this one is not', () => {
    store.work.mark('deployment:1', 'instance', 1);
    store.work.mark('deployment:2', 'instance', 2);
    store.work.claim(10, 'earlier');
    store.work.claim(10, 'now');

    expect(store.work.releaseOthers('now')).toBe(1);
    expect(store.work.claim(10, 'now')?.subject).toBe('deployment:1');
    expect(store.work.claim(10, 'now')).toBeUndefined();
  });

  it('is never lost and never run twice at once, whatever the order of marks, claims, ends and crashes', () => {
    const step = fc.oneof(
      fc.record({ act: fc.constant('mark' as const), id: fc.integer({ min: 1, max: 3 }) }),
      fc.record({
        act: fc.constantFrom('claim' as const, 'complete' as const, 'fail' as const, 'crash' as const),
        id: fc.constant(0),
      }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        for (const row of store.work.all()) store.work.complete(row);
        const owed = new Set<string>();
        const running = new Map<
          string,
          { row: NonNullable<ReturnType<Store['work']['claim']>>; markedSince: boolean }
        >();
        let boot = 0;
        let clock = 1;
        for (const { act, id } of steps) {
          clock += 1;
          const first = [...running][0];
          if (act === 'mark') {
            store.work.mark(`deployment:${id}`, 'instance', clock);
            owed.add(`deployment:${id}`);
            const run = running.get(`deployment:${id}`);
            if (run) run.markedSince = true;
          } else if (act === 'claim') {
            const row = store.work.claim(clock, `boot-${boot}`);
            if (row) {
              expect(running.has(row.subject)).toBe(false);
              running.set(row.subject, { row, markedSince: false });
            } else expect([...owed].filter((subject) => !running.has(subject))).toEqual([]);
          } else if (act === 'crash') {
            boot += 1;
            running.clear();
            store.work.releaseOthers(`boot-${boot}`);
          } else if (first) {
            const [subject, { row, markedSince }] = first;
            running.delete(subject);
            if (act === 'fail') store.work.again(row, clock, { attempts: 1, error: 'no' });
            else {
              store.work.complete(row);
              if (!markedSince) owed.delete(subject);
            }
          }
        }
        expect(
          store.work
            .all()
            .map((row) => row.subject)
            .sort(),
        ).toEqual([...owed].sort());
        for (const row of store.work.all()) {
          store.work.releaseOthers('end');
          store.work.complete({
            ...row,
            marks: store.work.find(row.subject as 'deployment:1', 'instance')?.marks ?? 0,
          });
        }
      }),
      { numRuns: 200, seed: 20261123 },
    );
  });
});

describe('the lock of the data folder', () => {
  it('is held by one service at a time, and the second says which process has it', () => {
    const file = join(folder, 'service.lock');
    const lock = takeLock(file);

    expect(() => takeLock(file)).toThrow(
      `The data folder ${folder} is in use by another service (process ${process.pid}).`,
    );
    lock.release();
    takeLock(file).release();
  });
});
