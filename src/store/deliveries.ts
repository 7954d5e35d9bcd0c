import { asc, gte, type SQL, sql } from 'drizzle-orm';
import type { Database, SqliteConnection } from './database.ts';
import { prepareWrite } from './prepare.ts';
import { deliveries } from './schema.ts';

/** GitLab keeps recent events for two days, and lets people resend them that long (doc/user/project/integrations/webhooks.md). */
const REMEMBERED_MS = 3 * 24 * 3_600_000;
/** With GitLab's ids about 10 MB of memory. Of more in three days the oldest are forgotten: one that comes again is only looked at again. */
const MOST = 100_000;

export interface DeliveryQueries {
  /** False where this delivery was taken before. In a transaction it is part of it. */
  remember(id: string, now: number): boolean;
  /** Forgets at most `limit` of those that nobody can resend any more. Returns how many. */
  forgetOld(now: number, limit: number): number;
  /** Runs a transaction; where it throws, what it remembered and forgot is undone in memory too. For the store's own. */
  around<T>(transaction: () => T): T;
}

/**
 * Their ids are looked up in memory and not by an index: ids are random, so with an index every webhook writes a page of its own.
 * @param most how many are remembered
 */
export function deliveryQueries(db: Database, sqlite: SqliteConnection, most = MOST): DeliveryQueries {
  const insert = prepareWrite<{ id: string; now: number }>(
    sqlite,
    db.insert(deliveries).values({ id: sql.placeholder('id'), receivedAt: sql.placeholder('now') }),
  );
  const ids = sqlite.prepare(db.select({ id: deliveries.id }).from(deliveries).toSQL().sql).pluck();
  /** The ids in the table; read with the first that comes. */
  let known: Set<string> | undefined;
  /** What the transactions under way have changed in memory, each with what undoes it. */
  let undo: Array<() => void> = [];

  function forget(which: SQL, limit: number): number {
    const oldest = sql`select rowid from ${deliveries} where ${which} order by rowid limit ${limit}`;
    const gone = db.delete(deliveries).where(sql`rowid in (${oldest})`).returning({ id: deliveries.id }).all();
    for (const { id } of gone) known?.delete(id);
    changed(() => {
      for (const { id } of gone) known?.add(id);
    });
    return gone.length;
  }

  function changed(undoing: () => void): void {
    if (sqlite.inTransaction) undo.push(undoing);
  }

  return {
    remember(id, now) {
      known ??= new Set(ids.all() as string[]);
      if (known.has(id)) return false;
      // With some room to spare, so that not each one has to make its own.
      if (known.size >= most) forget(sql`true`, known.size - most + Math.ceil(most / 100));
      insert({ id, now });
      known.add(id);
      changed(() => known?.delete(id));
      return true;
    },
    forgetOld(now, limit) {
      // Rows stand in the order they came in, so the first that is kept ends it; an index on the time would cost every webhook a page.
      const kept = db
        .select({ rowid: sql`rowid` })
        .from(deliveries)
        .where(gte(deliveries.receivedAt, now - REMEMBERED_MS))
        .orderBy(asc(sql`rowid`))
        .limit(1);
      return forget(sql`rowid < coalesce((${kept}), ${Number.MAX_SAFE_INTEGER})`, limit);
    },
    around(transaction) {
      // Asked before: one within another that fails may end both, as on a full disk.
      const isOutermost = !sqlite.inTransaction;
      const before = undo.length;
      try {
        return transaction();
      } catch (error) {
        for (const undoing of undo.splice(before).reverse()) undoing();
        throw error;
      } finally {
        if (isOutermost) undo = [];
      }
    },
  };
}
