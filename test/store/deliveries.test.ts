import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { drizzle } from 'drizzle-orm/better-sqlite3';
import { migrate } from 'drizzle-orm/better-sqlite3/migrator';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SHIPPED } from '../../src/shipped-files.ts';
import { openDatabase, openSqlite } from '../../src/store/database.ts';
import { deliveryQueries } from '../../src/store/deliveries.ts';
import { openStore, type Store } from '../../src/store/store.ts';

const DAY = 24 * 3_600_000;
let folder: string;
let file: string;
let store: Store;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bd-deliveries-'));
  file = join(folder, 'service.sqlite');
  store = openStore(file);
});
afterEach(() => {
  store.close();
  rmSync(folder, { recursive: true, force: true });
});

const take = (id: string, now = 0) => store.transaction(() => store.deliveries.remember(id, now));
const failing = () => {
  throw new Error('no');
};

/** Those that are known, in the order they came, as a service that starts now finds them. */
function kept(): string[] {
  const sqlite = openSqlite(file);
  try {
    return sqlite.prepare('select id from deliveries order by rowid').pluck().all() as string[];
  } finally {
    sqlite.close();
  }
}

it('a delivery is taken once, also after a restart', () => {
  expect([take('a'), take('b'), take('a')]).toEqual([true, true, false]);
  store.close();
  store = openStore(file);
  expect([take('a'), take('b'), take('c'), take('c')]).toEqual([false, false, true, false]);
  expect(kept()).toEqual(['a', 'b', 'c']);
});

describe('a delivery whose transaction was undone is taken when it comes again', () => {
  it('its own', () => {
    expect(take('before')).toBe(true);
    expect(() =>
      store.transaction(() => {
        expect(take('a')).toBe(true);
        failing();
      }),
    ).toThrow('no');
    expect([take('before'), take('a'), take('a')]).toEqual([false, true, false]);
  });

  it('one within another', () => {
    store.transaction(() => {
      take('outer');
      expect(() =>
        store.transaction(() => {
          store.deliveries.remember('inner', 0);
          failing();
        }),
      ).toThrow('no');
      expect([take('outer'), take('inner'), take('inner')]).toEqual([false, true, false]);
    });
    expect(kept()).toEqual(['outer', 'inner']);
  });

  it('that of the outer one, after one within', () => {
    expect(() =>
      store.transaction(() => {
        store.deliveries.remember('outer', 0);
        expect(() => store.transaction(failing)).toThrow('no');
        expect(take('outer')).toBe(false);
        failing();
      }),
    ).toThrow('no');
    expect([take('outer'), take('outer')]).toEqual([true, false]);
  });

  it('one around another that ended both: the disk was full', () => {
    const { db, sqlite, close } = openDatabase(file);
    const { around, remember } = deliveryQueries(db, sqlite);
    const transaction = <T>(act: () => T): T => around(() => sqlite.transaction(act).immediate());
    const insert = sqlite.prepare('insert into deliveries (id, received_at) values (?, 0)');
    try {
      const pages = sqlite.pragma('page_count', { simple: true });
      sqlite.pragma(`max_page_count = ${pages}`);
      expect(() =>
        transaction(() => {
          remember('outer', 0);
          transaction(() => insert.run('x'.repeat(100_000)));
        }),
      ).toThrow('database or disk is full');
      expect([remember('outer', 0), remember('outer', 0)]).toEqual([true, false]);
    } finally {
      close();
    }
  });

  it('that of one which came at the same time and failed', async () => {
    const remembered = store.batched(() => store.deliveries.remember('a', 0));
    await expect(store.batched(failing)).rejects.toThrow('no');
    expect(await remembered).toBe(true);
    expect([take('a'), kept()]).toEqual([false, ['a']]);
  });
});

describe('what an earlier release has remembered', () => {
  /** The store opened on the file that such a release has left. */
  function openOlder(ids: readonly string[]): void {
    store.close();
    file = join(folder, 'older.sqlite');
    const sqlite = openSqlite(file);
    migrate(drizzle({ client: sqlite }), { migrationsFolder: migrationsUntil('0008_') });
    const insert = sqlite.prepare('insert into deliveries (id, received_at) values (?, ?)');
    sqlite.transaction(() => {
      for (const [at, id] of ids.entries()) insert.run(id, at);
    })();
    sqlite.close();
    store = openStore(file);
  }

  it('is known', () => {
    openOlder(['c', 'a', 'b']);
    expect([take('a'), take('b'), take('c'), take('d')]).toEqual([false, false, false, true]);
    expect(kept()).toEqual(['c', 'a', 'b', 'd']);
  });

  it('is known of the last 100,000', () => {
    const ids = Array.from({ length: 100_003 }, (_, index) => `${(index * 7919) % 100_003}`);
    openOlder(ids);
    expect(kept()).toEqual(ids.slice(3));
  });
});

it('they are forgotten after three days, the oldest first and no more than asked for', () => {
  for (const [at, id] of ['a', 'b', 'c', 'd'].entries()) take(id, at * DAY);

  expect(store.deliveries.forgetOld(5 * DAY + 1, 1)).toBe(1);
  expect(kept()).toEqual(['b', 'c', 'd']);
  expect(store.deliveries.forgetOld(5 * DAY + 1, 10)).toBe(2);
  expect(kept()).toEqual(['d']);
  expect(store.deliveries.forgetOld(5 * DAY + 1, 10)).toBe(0);
  expect([take('d', 5 * DAY), take('a', 5 * DAY)]).toEqual([false, true]);
  expect(store.deliveries.forgetOld(9 * DAY, 10)).toBe(2);
  expect(kept()).toEqual([]);
});

it('what was forgotten in a transaction that was undone is known', () => {
  take('a');
  expect(() =>
    store.transaction(() => {
      expect(store.deliveries.forgetOld(9 * DAY, 10)).toBe(1);
      failing();
    }),
  ).toThrow('no');
  expect([take('a'), kept()]).toEqual([false, ['a']]);
});

describe('no more than so many are remembered', () => {
  /** With a store that remembers three. */
  function withFew(test: (took: (ids: string) => boolean[]) => void): void {
    store.close();
    const { db, sqlite, close } = openDatabase(file);
    const few = deliveryQueries(db, sqlite, 3);
    try {
      test((ids) => [...ids].map((id) => few.remember(id, 0)));
    } finally {
      close();
      store = openStore(file);
    }
  }

  it('the oldest make room', () => {
    withFew((took) => {
      expect(took('abcab')).toEqual([true, true, true, false, false]);
      expect(took('dbcd')).toEqual([true, false, false, false]);
      expect(kept()).toEqual(['b', 'c', 'd']);
      expect(took('a')).toEqual([true]);
    });
    expect(kept()).toEqual(['c', 'd', 'a']);
  });

  it('of more from before, the newest', () => {
    for (const id of 'abcdef') take(id);
    withFew((took) => {
      expect(took('def')).toEqual([false, false, false]);
      expect(took('ga')).toEqual([true, true]);
    });
    expect(kept()).toEqual(['f', 'g', 'a']);
  });
});

/** A folder of the migrations up to one. */
function migrationsUntil(last: string): string {
  const copy = join(folder, 'drizzle');
  cpSync(SHIPPED.migrations, copy, { recursive: true });
  const journal = join(copy, 'meta', '_journal.json');
  const { entries, ...rest } = JSON.parse(readFileSync(journal, 'utf8')) as { entries: Array<{ tag: string }> };
  const count = entries.findIndex(({ tag }) => tag.startsWith(last)) + 1;
  writeFileSync(journal, JSON.stringify({ ...rest, entries: entries.slice(0, count) }));
  return copy;
}
