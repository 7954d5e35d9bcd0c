import { inArray, lt, sql } from 'drizzle-orm';
import type { Database } from './database.ts';
import { deliveries } from './schema.ts';

/** GitLab keeps recent events for two days, and lets people resend them that long (doc/user/project/integrations/webhooks.md). */
const REMEMBERED_MS = 3 * 24 * 3_600_000;

export interface DeliveryQueries {
  /** False where this delivery was taken before. */
  remember(id: string, now: number): boolean;
  /** Writes one row; throws where the database cannot be written, as on a full disk. */
  touch(): void;
  /** Forgets at most `limit` of those that nobody can resend any more. Returns how many. */
  forgetOld(now: number, limit: number): number;
}

export function deliveryQueries(db: Database): DeliveryQueries {
  const insert = db
    .insert(deliveries)
    .values({ id: sql.placeholder('id'), receivedAt: sql.placeholder('now') })
    .onConflictDoNothing()
    .prepare();
  return {
    remember: (id, now) => insert.run({ id, now }).changes > 0,
    touch() {
      const row = { id: 'writable?', receivedAt: Date.now() };
      db.insert(deliveries).values(row).onConflictDoUpdate({ target: deliveries.id, set: row }).run();
    },
    forgetOld(now, limit) {
      const old = db
        .select({ id: deliveries.id })
        .from(deliveries)
        .where(lt(deliveries.receivedAt, now - REMEMBERED_MS))
        .limit(limit);
      return db.delete(deliveries).where(inArray(deliveries.id, old)).run().changes;
    },
  };
}
