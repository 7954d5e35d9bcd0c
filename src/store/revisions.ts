import { and, asc, desc, eq, getTableColumns, isNotNull, type SQL, sql } from 'drizzle-orm';
import { instanceName } from '../deployment/naming.ts';
import type { Database } from './database.ts';
import { type DeploymentRow, deployments, type RevisionRow, revisions } from './schema.ts';

type New = Pick<RevisionRow, 'commit' | 'pushedBy' | 'bundle' | 'spec' | 'sealedVariables'>;
type Changeable = Omit<RevisionRow, 'id' | 'deploymentId' | 'number' | 'instance' | keyof New>;

export interface RevisionQueries {
  get(id: number): RevisionRow | undefined;
  /** All of a deployment, oldest first: some hundreds where it is pushed to often. */
  ofDeployment(deploymentId: number): RevisionRow[];
  /**
   * Those of a deployment that anything may still depend on, oldest first: undecided, with an instance, live, and all from the last one on
   * that was not superseded.
   */
  current(deploymentId: number): RevisionRow[];
  /** The last one that was ever healthy. */
  lastHealthy(deploymentId: number): RevisionRow | undefined;
  /** Digests of all bundles that a deployment's revisions were made from. */
  bundlesOf(deploymentId: number): string[];
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
   * Whether a bundle may be run again: it is some deployment's latest, live or last healthy revision's, unless the deployment ended for good
   * or was stopped before this time (ms).
   */
  mayRunAgain(digest: string, stoppedSince: number): boolean;
  /** Drops the variables of all revisions of a bundle that cannot run again. */
  forgetVariables(digest: string): void;
  /** Drops all variables of a deployment that is over for good. */
  forgetVariablesOf(deploymentId: number): void;
  /** Deployments with a revision from this bundle. */
  deploymentsOfBundle(digest: string): DeploymentRow[];
}

export function revisionQueries(db: Database): RevisionQueries {
  const ofOne = eq(revisions.deploymentId, sql.placeholder('deploymentId'));
  const newest = db.select().from(revisions).where(ofOne).orderBy(desc(revisions.number)).limit(1).prepare();
  const latest = (deploymentId: number) => newest.get({ deploymentId });
  const healthy = db
    .select()
    .from(revisions)
    .where(and(ofOne, isNotNull(revisions.healthyAt)))
    .orderBy(desc(revisions.number))
    .limit(1)
    .prepare();
  const current = db
    .select()
    .from(revisions)
    .where(
      and(
        ofOne,
        sql`(${revisions.instanceState} = 'present' or ${revisions.state} in ('held', 'queued', 'starting')
          or ${revisions.id} = (select d.live_revision_id from deployments d where d.id = ${sql.placeholder('deploymentId')})
          or ${revisions.number} >= coalesce(
            (select l.number from revisions l where l.deployment_id = ${sql.placeholder('deploymentId')} and l.state <> 'superseded'
              order by l.number desc limit 1),
            (select max(l.number) from revisions l where l.deployment_id = ${sql.placeholder('deploymentId')})))`,
      ),
    )
    .orderBy(asc(revisions.number))
    .prepare();
  const get = db
    .select()
    .from(revisions)
    .where(eq(revisions.id, sql.placeholder('id')))
    .prepare();
  const wanted = db
    .select({ id: revisions.id })
    .from(revisions)
    .innerJoin(deployments, eq(deployments.id, revisions.deploymentId))
    .where(
      and(
        eq(revisions.bundle, sql.placeholder('digest')),
        sql`(${deployments.wanted} = 'running' or ${deployments.phase} <> 'stopped'
          or (${deployments.stopReason} not in ('merged', 'deleted') and ${deployments.stoppedAt} >= ${sql.placeholder('stoppedSince')}))`,
        sql`(${revisions.id} = ${deployments.liveRevisionId}
          or ${revisions.number} = (select max(l.number) from revisions l where l.deployment_id = ${deployments.id})
          or ${revisions.number} = (select h.number from revisions h where h.deployment_id = ${deployments.id} and h.healthy_at is not null
            order by h.number desc limit 1))`,
      ),
    )
    .limit(1)
    .prepare();
  const forgetVariables = (which: SQL): void => {
    db.update(revisions)
      .set({ sealedVariables: null })
      .where(and(which, isNotNull(revisions.sealedVariables)))
      .run();
  };
  return {
    get: (id) => get.get({ id }),
    ofDeployment: (deploymentId) =>
      db.select().from(revisions).where(eq(revisions.deploymentId, deploymentId)).orderBy(asc(revisions.number)).all(),
    current: (deploymentId) => current.all({ deploymentId }),
    lastHealthy: (deploymentId) => healthy.get({ deploymentId }),
    bundlesOf: (deploymentId) =>
      db
        .selectDistinct({ bundle: revisions.bundle })
        .from(revisions)
        .where(eq(revisions.deploymentId, deploymentId))
        .all()
        .map((row) => row.bundle),
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
    mayRunAgain: (digest, stoppedSince) => wanted.get({ digest, stoppedSince }) !== undefined,
    forgetVariables: (digest) => forgetVariables(eq(revisions.bundle, digest)),
    forgetVariablesOf: (deploymentId) => forgetVariables(eq(revisions.deploymentId, deploymentId)),
    deploymentsOfBundle: (digest) =>
      db
        .selectDistinct(getTableColumns(deployments))
        .from(revisions)
        .innerJoin(deployments, eq(deployments.id, revisions.deploymentId))
        .where(eq(revisions.bundle, digest))
        .all(),
  };
}
