import { and, eq, inArray, isNotNull, lt, notInArray, sql } from 'drizzle-orm';
import type { Database } from './database.ts';
import {
  comments,
  deployments,
  events,
  jobs,
  mergeRequests,
  readings,
  revisionChanges,
  revisions,
  work,
} from './schema.ts';

/** What is over, and may be forgotten. Each call is one short transaction: whoever has much to forget calls often, and lets others in between. */
export interface HistoryQueries {
  /** Removes at most `limit` events that happened before this time (ms), oldest first. Returns how many. */
  forgetEvents(before: number, limit: number): number;
  /** Deployments that were stopped before this time (ms), oldest first, at most `limit`; those that are worked on are left out. */
  ended(before: number, limit: number): number[];
  /**
   * Removes an ended deployment with its revisions, jobs and events, and its merge request where that has no other one. Returns the ids of
   * the revisions that it had, whose logs are on disk; undefined where it has come back meanwhile.
   */
  forgetDeployment(id: number, before: number): number[] | undefined;
  /** Those of these revisions that ended before this time (ms), and are neither their deployment's latest nor live nor there. */
  outdated(revisionIds: readonly number[], before: number): number[];
}

export function historyQueries(db: Database): HistoryQueries {
  const workedOn = sql`select 1 from ${work} where ${work.subject} = 'deployment:' || ${deployments.id} and ${isNotNull(work.claimedBy)}`;
  const isOver = (before: number) =>
    and(eq(deployments.phase, 'stopped'), lt(deployments.stoppedAt, before), sql`not exists (${workedOn})`);

  function forgetMergeRequest(id: number): void {
    const rest = db.select({ id: deployments.id }).from(deployments).where(eq(deployments.mergeRequestId, id)).limit(1);
    if (rest.get() !== undefined) return;
    db.delete(comments).where(eq(comments.mergeRequestId, id)).run();
    db.delete(events).where(eq(events.mergeRequestId, id)).run();
    db.delete(work)
      .where(eq(work.subject, `merge-request:${id}`))
      .run();
    db.delete(mergeRequests).where(eq(mergeRequests.id, id)).run();
  }

  return {
    forgetEvents(before, limit) {
      const oldest = db
        .select({ id: events.id })
        .from(events)
        .where(lt(events.at, before))
        .orderBy(events.at)
        .limit(limit);
      return db.delete(events).where(inArray(events.id, oldest)).run().changes;
    },
    ended: (before, limit) =>
      db
        .select({ id: deployments.id })
        .from(deployments)
        .where(isOver(before))
        .orderBy(deployments.stoppedAt)
        .limit(limit)
        .all()
        .map(({ id }) => id),
    forgetDeployment(id, before) {
      return db.transaction(
        () => {
          const found = db
            .select()
            .from(deployments)
            .where(and(eq(deployments.id, id), isOver(before)))
            .get();
          if (!found) return undefined;
          const ids = db.select({ id: revisions.id }).from(revisions).where(eq(revisions.deploymentId, id)).all();
          db.delete(jobs).where(eq(jobs.deploymentId, id)).run();
          db.delete(readings).where(eq(readings.deploymentId, id)).run();
          const own = db.select({ id: revisions.id }).from(revisions).where(eq(revisions.deploymentId, id));
          db.delete(revisionChanges).where(inArray(revisionChanges.revisionId, own)).run();
          db.delete(revisions).where(eq(revisions.deploymentId, id)).run();
          db.delete(events).where(eq(events.deploymentId, id)).run();
          db.delete(work)
            .where(eq(work.subject, `deployment:${id}`))
            .run();
          db.delete(deployments).where(eq(deployments.id, id)).run();
          forgetMergeRequest(found.mergeRequestId);
          return ids.map((row) => row.id);
        },
        { behavior: 'immediate' },
      );
    },
    outdated: (revisionIds, before) =>
      db
        .select({ id: revisions.id })
        .from(revisions)
        .innerJoin(deployments, eq(deployments.id, revisions.deploymentId))
        .where(
          and(
            inArray(revisions.id, [...revisionIds]),
            notInArray(revisions.state, ['queued', 'starting']),
            lt(sql`coalesce(${revisions.endedAt}, ${revisions.queuedAt})`, before),
            sql`${revisions.instanceState} <> 'present'`,
            sql`${deployments.liveRevisionId} is not ${revisions.id}`,
            sql`${revisions.number} < (select max(l.number) from revisions l where l.deployment_id = ${deployments.id})`,
          ),
        )
        .all()
        .map(({ id }) => id),
  };
}
