import { gte, sql } from 'drizzle-orm';
import type { Database, SqliteConnection } from './database.ts';
import { prepareWrite } from './prepare-write.ts';
import { deliveries } from './schema.ts';

/** GitLab keeps recent events for two days, and lets people resend them that long (doc/user/project/integrations/webhooks.md). */
const REMEMBERED_MS = 3 * 24 * 3_600_000;
const MAX_ROWID = Number.MAX_SAFE_INTEGER;

export interface DeliveryQueries {
  /** False where this delivery was taken before. */
  remember(id: string, now: number): boolean;
  /** Forgets at most `limit` of those that nobody can resend any more. Returns how many. */
  forgetOld(now: number, limit: number): number;
}

export function deliveryQueries(db: Database, sqlite: SqliteConnection): DeliveryQueries {
  const insert = prepareWrite<{ id: string; now: number }>(
    sqlite,
    db
      .insert(deliveries)
      .values({ id: sql.placeholder('id'), receivedAt: sql.placeholder('now') })
      .onConflictDoNothing(),
  );
  return {
    remember: (id, now) => insert({ id, now }) > 0,
    forgetOld(now, limit) {
      // Rows stand in the order they came in, so the first that is kept ends it; an index on the time would cost every webhook a page.
      const kept = db
        .select({ rowid: sql`rowid` })
        .from(deliveries)
        .where(gte(deliveries.receivedAt, now - REMEMBERED_MS))
        .orderBy(sql`rowid`)
        .limit(1);
      const old = sql`select rowid from ${deliveries} where rowid < coalesce((${kept}), ${MAX_ROWID}) order by rowid limit ${limit}`;
      return db.delete(deliveries).where(sql`rowid in (${old})`).run().changes;
    },
  };
}
