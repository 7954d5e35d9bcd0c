import { and, desc, eq, isNotNull, min } from 'drizzle-orm';
import type { Database } from './database.ts';
import { type JobRow, jobs } from './schema.ts';

export interface JobQueries {
  get(id: number): JobRow | undefined;
  /** Records what a job asked for; a repeated call of the same job changes nothing. */
  record(values: typeof jobs.$inferInsert): JobRow;
  /** Whether a pipeline's job brought, or found, this revision. */
  hasRevision(revisionId: number): boolean;
  /** Ids of a deployment's jobs in a pipeline. */
  ofPipeline(deploymentId: number, pipelineId: number): number[];
  /** When a job last asked to deploy this; ms. */
  lastAskedAt(deploymentId: number): number | undefined;
  /** When the first job that brought, or found, this revision called; ms. */
  beganAt(revisionId: number): number | undefined;
  /** The job is about this revision, which has the job's variables from now on. */
  attach(id: number, revisionId: number): void;
  /** Drops the variables of jobs that have not sent their archive, of a deployment that has stopped. */
  forgetVariablesOf(deploymentId: number): void;
}

export function jobQueries(db: Database): JobQueries {
  const get = (id: number) => db.select().from(jobs).where(eq(jobs.id, id)).get();
  return {
    get,
    record(values) {
      db.insert(jobs).values(values).onConflictDoNothing().run();
      return get(values.id as number) as JobRow;
    },
    hasRevision: (revisionId) =>
      db.select({ id: jobs.id }).from(jobs).where(eq(jobs.revisionId, revisionId)).limit(1).get() !== undefined,
    ofPipeline: (deploymentId, pipelineId) =>
      db
        .select({ id: jobs.id })
        .from(jobs)
        .where(and(eq(jobs.deploymentId, deploymentId), eq(jobs.pipelineId, pipelineId)))
        .all()
        .map(({ id }) => id),
    lastAskedAt: (deploymentId) =>
      db
        .select({ at: jobs.createdAt })
        .from(jobs)
        .where(eq(jobs.deploymentId, deploymentId))
        .orderBy(desc(jobs.createdAt))
        .limit(1)
        .get()?.at,
    beganAt: (revisionId) =>
      db
        .select({ at: min(jobs.createdAt) })
        .from(jobs)
        .where(eq(jobs.revisionId, revisionId))
        .get()?.at ?? undefined,
    attach(id, revisionId) {
      db.update(jobs).set({ revisionId, sealedVariables: null }).where(eq(jobs.id, id)).run();
    },
    forgetVariablesOf(deploymentId) {
      db.update(jobs)
        .set({ sealedVariables: null })
        .where(and(eq(jobs.deploymentId, deploymentId), isNotNull(jobs.sealedVariables)))
        .run();
    },
  };
}
