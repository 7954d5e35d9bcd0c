import { createHash } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import { and, desc, eq, inArray, lt, ne, notInArray, sql } from 'drizzle-orm';
import type { Database } from './database.ts';
import { deployments, type RevisionChangesRow, readings, revisionChanges, revisions, snapshots } from './schema.ts';

/** Readings that a deployment keeps: of its last revisions, and of the bases that it may be compared with again. */
const KEPT_READINGS = 6;
/** Key of what lies in the deployment's folder of a base's files: it is true until they are replaced, however much is read since. */
export const BASE_FILES = 'files';

export interface ChangeQueries {
  /** What a revision changes; undefined while that is not decided. */
  of(revisionId: number): RevisionChangesRow | undefined;
  /** When that was decided (ms), without reading it: it may be large. */
  decidedAt(revisionId: number): number | undefined;
  /** Decides it, once: a later decision about the same revision replaces it. */
  decide(row: RevisionChangesRow): void;
  /** Replaces what a decision tells, for what was found later; the decision stays the same one. */
  update(revisionId: number, found: Pick<RevisionChangesRow, 'compared' | 'missingFiles'>): void;
  /** The base that a deployment was compared with first; undefined before that. */
  firstBase(deploymentId: number): { readonly sha: string; readonly url: string } | undefined;
  /** What was read under this key, as text; undefined where it was not, or is not kept any more. */
  reading(deploymentId: number, key: string): string | undefined;
  /** Says that a reading was of use again: it goes later. */
  readingUsed(deploymentId: number, key: string, now: number): void;
  /** Keeps a reading; of its deployment's those go that were of no use for the longest time, but for `BASE_FILES`. */
  keepReading(deploymentId: number, key: string, options: { readonly text: string; readonly now: number }): void;
  /** Drops one: it is read again. */
  forgetReading(deploymentId: number, key: string): void;
  /** Drops the readings of a deployment that is over. */
  forgetReadings(deploymentId: number): void;
  /** Removes at most `limit` decisions before this time (ms) about revisions that are neither their deployment's latest nor live. Returns how many. */
  forgetOld(before: number, limit: number): number;
  /** Removes at most `limit` snapshots that no reading has. Returns how many. */
  forgetUnused(limit: number): number;
}

export function changeQueries(db: Database): ChangeQueries {
  const of = db
    .select()
    .from(revisionChanges)
    .where(eq(revisionChanges.revisionId, sql.placeholder('revisionId')))
    .prepare();
  const decidedAt = db
    .select({ at: revisionChanges.decidedAt })
    .from(revisionChanges)
    .where(eq(revisionChanges.revisionId, sql.placeholder('revisionId')))
    .prepare();
  const unused = sql`${snapshots.digest} not in (select ${readings.digest} from ${readings})`;
  return {
    of: (revisionId) => of.get({ revisionId }),
    decidedAt: (revisionId) => decidedAt.get({ revisionId })?.at,
    decide(row) {
      db.insert(revisionChanges).values(row).onConflictDoUpdate({ target: revisionChanges.revisionId, set: row }).run();
    },
    update(revisionId, { compared, missingFiles }) {
      db.update(revisionChanges)
        .set({ compared, missingFiles })
        .where(eq(revisionChanges.revisionId, revisionId))
        .run();
    },
    firstBase(deploymentId) {
      const found = db
        .select({ sha: revisionChanges.baseSha, url: revisionChanges.baseUrl })
        .from(revisionChanges)
        .innerJoin(revisions, eq(revisions.id, revisionChanges.revisionId))
        .where(and(eq(revisions.deploymentId, deploymentId), sql`${revisionChanges.baseSha} is not null`))
        .orderBy(revisions.number)
        .limit(1)
        .get();
      return found?.sha == null ? undefined : { sha: found.sha, url: found.url ?? '' };
    },
    reading(deploymentId, key) {
      const found = db
        .select({ content: snapshots.content })
        .from(readings)
        .innerJoin(snapshots, eq(snapshots.digest, readings.digest))
        .where(and(eq(readings.deploymentId, deploymentId), eq(readings.key, key)))
        .get();
      return found && gunzipSync(found.content).toString();
    },
    readingUsed(deploymentId, key, now) {
      db.update(readings)
        .set({ readAt: now })
        .where(and(eq(readings.deploymentId, deploymentId), eq(readings.key, key)))
        .run();
    },
    keepReading(deploymentId, key, { text, now }) {
      const digest = createHash('sha256').update(text).digest('hex');
      const row = { deploymentId, key, digest, readAt: now };
      const areReadings = and(eq(readings.deploymentId, deploymentId), ne(readings.key, BASE_FILES));
      db.transaction(
        () => {
          db.insert(snapshots)
            .values({ digest, content: gzipSync(text) })
            .onConflictDoNothing()
            .run();
          db.insert(readings)
            .values(row)
            .onConflictDoUpdate({ target: [readings.deploymentId, readings.key], set: row })
            .run();
          const newest = db
            .select({ key: readings.key })
            .from(readings)
            .where(areReadings)
            .orderBy(desc(readings.readAt))
            .limit(KEPT_READINGS);
          db.delete(readings)
            .where(and(areReadings, notInArray(readings.key, newest)))
            .run();
        },
        { behavior: 'immediate' },
      );
    },
    forgetReading(deploymentId, key) {
      db.delete(readings)
        .where(and(eq(readings.deploymentId, deploymentId), eq(readings.key, key)))
        .run();
    },
    forgetReadings(deploymentId) {
      db.delete(readings).where(eq(readings.deploymentId, deploymentId)).run();
    },
    forgetOld(before, limit) {
      const old = db
        .select({ id: revisionChanges.revisionId })
        .from(revisionChanges)
        .innerJoin(revisions, eq(revisions.id, revisionChanges.revisionId))
        .innerJoin(deployments, eq(deployments.id, revisions.deploymentId))
        .where(
          and(
            lt(revisionChanges.decidedAt, before),
            sql`${deployments.liveRevisionId} is not ${revisions.id}`,
            sql`${revisions.number} < (select max(l.number) from revisions l where l.deployment_id = ${deployments.id})`,
          ),
        )
        .limit(limit);
      return db.delete(revisionChanges).where(inArray(revisionChanges.revisionId, old)).run().changes;
    },
    forgetUnused(limit) {
      const some = db.select({ digest: snapshots.digest }).from(snapshots).where(unused).limit(limit);
      return db.delete(snapshots).where(inArray(snapshots.digest, some)).run().changes;
    },
  };
}
