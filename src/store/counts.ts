import { and, count, isNull, lte, min } from 'drizzle-orm';
import type { Phase } from '../deployment/phase.ts';
import type { Database } from './database.ts';
import { deployments, work } from './schema.ts';

/** What the metrics ask at each scrape; counted from indexes. */
export interface CountQueries {
  /** Work that is due at `now` (ms) and that nobody has claimed, by kind. */
  due(now: number): ReadonlyArray<{ readonly kind: string; readonly count: number; readonly oldestDueAt: number }>;
  phases(): ReadonlyArray<{ readonly phase: Phase; readonly count: number }>;
}

export function countQueries(db: Database): CountQueries {
  return {
    due: (now) =>
      db
        .select({ kind: work.kind, count: count(), oldestDueAt: min(work.dueAt) })
        .from(work)
        .where(and(isNull(work.claimedBy), lte(work.dueAt, now)))
        .groupBy(work.kind)
        .all()
        .map((row) => ({ ...row, oldestDueAt: row.oldestDueAt ?? now })),
    phases: () =>
      db.select({ phase: deployments.phase, count: count() }).from(deployments).groupBy(deployments.phase).all(),
  };
}
