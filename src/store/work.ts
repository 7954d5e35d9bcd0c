import { and, asc, eq, isNull, ne, sql } from 'drizzle-orm';
import type { Database, SqliteConnection } from './database.ts';
import { prepareWrite } from './prepare.ts';
import { type WorkRow, work } from './schema.ts';

export type WorkKind = 'merge-request' | 'note' | 'instance' | 'environment' | 'project' | 'head' | 'changes';
export type Subject = `merge-request:${number}` | `deployment:${number}` | `project:${number}`;

/** What is claimed is due no more, unless it is marked again: then that marking's time counts. */
const NOT_DUE = Number.MAX_SAFE_INTEGER;

export interface WorkQueries {
  /**
   * Makes work due at `dueAt` (ms) or earlier if it was due earlier. Twice is one row.
   * Inside a transaction it is part of it; whoever is told of due work is told at once and finds it after the commit.
   */
  mark(subject: Subject, kind: WorkKind, dueAt: number): void;
  /**
   * Makes the instances of deployments due, each at its time within `spreadMs`, where no row says so already: of those that are neither
   * stopped nor failed, or have an instance.
   */
  markForgotten(now: number, spreadMs: number): void;
  /** Takes the row that is due longest, unless nothing is due at `now`. */
  claim(now: number, bootId: string): WorkRow | undefined;
  /** Done: the row goes, unless it was marked again since it was claimed; then it is due at the time of that marking. */
  complete(row: WorkRow): void;
  /** To be looked at again at `dueAt`, or earlier if it was marked since. */
  again(row: WorkRow, dueAt: number, failure?: { readonly attempts: number; readonly error: string }): void;
  /** Claims of other processes' lives are due again. Returns how many there were. */
  releaseOthers(bootId: string): number;
  /** When the next unclaimed row is due. */
  nextDueAt(): number | undefined;
  find(subject: Subject, kind: WorkKind): WorkRow | undefined;
  all(): WorkRow[];
}

/** @param onDue called after each marking with the time it is due at */
export function workQueries(db: Database, sqlite: SqliteConnection, onDue: (dueAt: number) => void): WorkQueries {
  const byKey = (row: { subject: string; kind: string }) => and(eq(work.subject, row.subject), eq(work.kind, row.kind));
  const values = {
    subject: sql.placeholder('subject'),
    kind: sql.placeholder('kind'),
    dueAt: sql.placeholder('dueAt'),
  };
  type Mark = Pick<WorkRow, 'subject' | 'kind' | 'dueAt'>;
  const isDueBefore = and(
    eq(work.subject, values.subject),
    eq(work.kind, values.kind),
    sql`${work.dueAt} <= ${values.dueAt}`,
  );
  const markAgain = prepareWrite<Mark>(
    sqlite,
    db
      .update(work)
      .set({ marks: sql`${work.marks} + 1` })
      .where(isDueBefore),
  );
  const mark = prepareWrite<Mark>(
    sqlite,
    db
      .insert(work)
      .values(values)
      .onConflictDoUpdate({
        target: [work.subject, work.kind],
        set: { dueAt: sql`min(${work.dueAt}, excluded.due_at)`, marks: sql`${work.marks} + 1` },
      }),
  );
  const next = db
    .select({ rowid: sql<number>`rowid` })
    .from(work)
    .where(and(isNull(work.claimedBy), sql`${work.dueAt} <= ${sql.placeholder('now')}`))
    .orderBy(asc(work.dueAt))
    .limit(1);
  const claim = db
    .update(work)
    .set({ claimedBy: sql`${sql.placeholder('bootId')}`, dueAt: NOT_DUE })
    .where(sql`rowid = (${next})`)
    .returning()
    .prepare();

  const isOne = and(eq(work.subject, sql.placeholder('subject')), eq(work.kind, sql.placeholder('kind')));
  const one = db.select().from(work).where(isOne).prepare();
  const complete = db
    .delete(work)
    .where(and(isOne, eq(work.marks, sql.placeholder('marks'))))
    .prepare();
  const soonest = db
    .select({ dueAt: work.dueAt })
    .from(work)
    .where(isNull(work.claimedBy))
    .orderBy(asc(work.dueAt))
    .limit(1)
    .prepare();

  return {
    mark(subject, kind, dueAt) {
      // Most are of a burst about one merge request: then the time stays, and with it the index on it.
      if (markAgain({ subject, kind, dueAt }) === 0) mark({ subject, kind, dueAt });
      onDue(dueAt);
    },
    markForgotten(now, spreadMs) {
      // Two ranges instead of an inequality, so that the index on the phase serves: most deployments are stopped.
      const added = db.run(sql`insert into work (subject, kind, due_at)
        select 'deployment:' || d.id, 'instance', ${now} + abs(random() % ${Math.max(1, Math.round(spreadMs))})
        from deployments d where (d.phase < 'stopped' or d.phase > 'stopped')
        and (d.phase <> 'failed' or exists (select 1 from revisions r where r.deployment_id = d.id and r.instance_state = 'present'))
        and not exists (select 1 from work w where w.subject = 'deployment:' || d.id and w.kind = 'instance')`);
      if (added.changes > 0) onDue(now);
    },
    claim: (now, bootId) => claim.get({ now, bootId }),
    complete(row) {
      const done = complete.run({ subject: row.subject, kind: row.kind, marks: row.marks });
      if (done.changes > 0) return;
      // Marked while it ran.
      db.update(work).set({ claimedBy: null, attempts: 0, lastError: null }).where(byKey(row)).run();
      onDue(0);
    },
    again(row, dueAt, failure) {
      const values = { claimedBy: null, attempts: failure?.attempts ?? 0, lastError: failure?.error ?? null };
      const kept = db
        .update(work)
        .set({ ...values, dueAt })
        .where(and(byKey(row), eq(work.marks, row.marks)))
        .run();
      if (kept.changes > 0) return onDue(dueAt);
      db.update(work)
        .set({ ...values, dueAt: sql`min(${work.dueAt}, ${dueAt})` })
        .where(byKey(row))
        .run();
      onDue(0);
    },
    releaseOthers(bootId) {
      return db.update(work).set({ claimedBy: null, dueAt: 0 }).where(ne(work.claimedBy, bootId)).run().changes;
    },
    nextDueAt: () => soonest.get()?.dueAt,
    find: (subject, kind) => one.get({ subject, kind }),
    all: () => db.select().from(work).all(),
  };
}
