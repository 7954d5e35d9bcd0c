import { asc, gte, sql } from 'drizzle-orm';
import type { Database, SqliteConnection } from './database.ts';
import { prepareWrite } from './prepare.ts';
import { deliveries } from './schema.ts';

/** GitLab keeps recent events for two days, and lets people resend them that long (doc/user/project/integrations/webhooks.md). */
const REMEMBERED_MS = 3 * 24 * 3_600_000;
/** About 10 MB of memory. Of more in three days the oldest are forgotten: one that comes again is only looked at again. */
const MOST = 100_000;
/** So many make room for each other at once. */
const MADE_ROOM = 1000;

export interface DeliveryQueries {
  /** False where this delivery was taken before. */
  remember(id: string, now: number): boolean;
  /** Forgets at most `limit` of those that nobody can resend any more. Returns how many. */
  forgetOld(now: number, limit: number): number;
  /** Tells that a transaction has ended, and how. */
  settle(committed: boolean): void;
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
  /** The ids in the table; read from it when they are needed next. */
  let known: Set<string> | undefined;
  let isUnsettled = false;

  function read(): Set<string> {
    return new Set(ids.all() as string[]);
  }

  function forget(before: ReturnType<typeof sql>, limit: number): number {
    const oldest = sql`select rowid from ${deliveries} where ${before} order by rowid limit ${limit}`;
    const gone = db.delete(deliveries).where(sql`rowid in (${oldest})`).returning({ id: deliveries.id }).all();
    for (const { id } of gone) known?.delete(id);
    isUnsettled ||= sqlite.inTransaction;
    return gone.length;
  }

  return {
    remember(id, now) {
      // What is read within a transaction may be undone like what is written.
      isUnsettled ||= sqlite.inTransaction;
      known ??= read();
      if (known.has(id)) return false;
      if (known.size >= most) forget(sql`true`, Math.min(MADE_ROOM, most));
      insert({ id, now });
      known.add(id);
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
    settle(committed) {
      // Within another one nothing is settled yet.
      if (committed && sqlite.inTransaction) return;
      if (isUnsettled && !committed) known = undefined;
      isUnsettled = false;
    },
  };
}
