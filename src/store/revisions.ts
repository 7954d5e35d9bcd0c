import { asc, desc, eq, getTableColumns, sql } from 'drizzle-orm';
import { instanceName } from '../deployment/naming.ts';
import type { Database } from './database.ts';
import { type DeploymentRow, deployments, type RevisionRow, revisions } from './schema.ts';

type New = Pick<RevisionRow, 'commit' | 'pushedBy' | 'bundle' | 'spec'>;
type Changeable = Omit<RevisionRow, 'id' | 'deploymentId' | 'number' | 'instance' | keyof New>;

export interface RevisionQueries {
  get(id: number): RevisionRow | undefined;
  /** All of a deployment, oldest first. */
  ofDeployment(deploymentId: number): RevisionRow[];
  latest(deploymentId: number): RevisionRow | undefined;
  /** The next revision of a deployment, queued or held. */
  create(
    deployment: Pick<DeploymentRow, 'id' | 'name'>,
    values: New & { readonly state: 'held' | 'queued' },
    now: number,
  ): RevisionRow;
  update(id: number, values: Partial<Changeable>): void;
  /** How many deployments have a fork's revision that waits for its approval. */
  countHeld(): number;
  /** Whose instance has this name. */
  ofInstance(instance: string): RevisionRow | undefined;
  /** Those of these ids that no revision has. */
  missing(ids: readonly number[]): number[];
  /**
   * Digests that may be run again: of each deployment the latest, the live and the last healthy revision's, unless the deployment
   * ended for good or was stopped before this time (ms).
   */
  bundlesToKeep(stoppedSince: number): string[];
  /** Deployments with a revision from this bundle. */
  deploymentsOfBundle(digest: string): DeploymentRow[];
}

export function revisionQueries(db: Database): RevisionQueries {
  const latest = (deploymentId: number) =>
    db
      .select()
      .from(revisions)
      .where(eq(revisions.deploymentId, deploymentId))
      .orderBy(desc(revisions.number))
      .limit(1)
      .get();
  const get = db
    .select()
    .from(revisions)
    .where(eq(revisions.id, sql.placeholder('id')))
    .prepare();
  return {
    get: (id) => get.get({ id }),
    ofDeployment: (deploymentId) =>
      db.select().from(revisions).where(eq(revisions.deploymentId, deploymentId)).orderBy(asc(revisions.number)).all(),
    latest,
    create(deployment, values, now) {
      const number = (latest(deployment.id)?.number ?? 0) + 1;
      return db
        .insert(revisions)
        .values({
          ...values,
          deploymentId: deployment.id,
          number,
          instance: instanceName(deployment.name, number),
          queuedAt: now,
        })
        .returning()
        .get();
    },
    update(id, values) {
      db.update(revisions).set(values).where(eq(revisions.id, id)).run();
    },
    countHeld: () =>
      // By the phase, which has an index: of a million revisions few belong to a deployment that is not settled.
      db.get<{ held: number }>(
        sql`select count(*) as held from deployments d where d.phase = 'queued'
          and exists (select 1 from revisions r where r.deployment_id = d.id and r.state = 'held')`,
      ).held,
    ofInstance: (instance) => db.select().from(revisions).where(eq(revisions.instance, instance)).get(),
    missing: (ids) =>
      db
        .all<{ id: number }>(
          sql`select value as id from json_each(${JSON.stringify(ids)}) where value not in (select id from revisions)`,
        )
        .map((row) => row.id),
    bundlesToKeep: (stoppedSince) =>
      db
        .all<{ bundle: string }>(
          sql`select distinct r.bundle from revisions r join deployments d on d.id = r.deployment_id
            where (d.wanted = 'running' or d.phase <> 'stopped' or (d.stop_reason not in ('merged', 'deleted') and d.stopped_at >= ${stoppedSince}))
            and (r.id = d.live_revision_id
              or r.number = (select max(l.number) from revisions l where l.deployment_id = d.id)
              or r.number = (select max(h.number) from revisions h where h.deployment_id = d.id and h.healthy_at is not null))`,
        )
        .map((row) => row.bundle),
    deploymentsOfBundle: (digest) =>
      db
        .selectDistinct(getTableColumns(deployments))
        .from(revisions)
        .innerJoin(deployments, eq(deployments.id, revisions.deploymentId))
        .where(eq(revisions.bundle, digest))
        .all(),
  };
}
