import { and, asc, eq, ne, sql } from 'drizzle-orm';
import type { StopReason } from '../deployment/phase.ts';
import type { Database } from './database.ts';
import { type DeploymentRow, deployments } from './schema.ts';

type Changeable = Pick<
  DeploymentRow,
  | 'phase'
  | 'liveRevisionId'
  | 'pipelineId'
  | 'stoppedAt'
  | 'environmentName'
  | 'environmentProjectId'
  | 'waitingSince'
  | 'stoppingSince'
  | 'stopTries'
  | 'stopError'
>;

/** Nothing is being removed. */
const NOT_STOPPING = { stoppingSince: null, stopTries: 0, stopError: null };

export interface DeploymentQueries {
  get(id: number): DeploymentRow | undefined;
  find(key: { projectId: number; app: string; ref: string }): DeploymentRow | undefined;
  /** By its name, which is also the first label of its host. */
  named(name: string): DeploymentRow | undefined;
  /** Those with this environment of this project (the target, or the fork that made it), stopped ones too: a job that ends late makes it available again. */
  withEnvironment(projectId: number, environmentName: string): DeploymentRow[];
  ofMergeRequest(mergeRequestId: number): DeploymentRow[];
  /** Ids of all projects that have, or had, deployments. */
  projects(): number[];
  /** Those of a project that are not stopped, oldest first. */
  openOf(projectId: number): DeploymentRow[];
  /** All environments that a project's deployments have, or had. */
  environmentNames(projectId: number): string[];
  create(values: Omit<typeof deployments.$inferInsert, 'id' | 'generation'>): DeploymentRow;
  update(id: number, values: Partial<Changeable>): void;
  /** Wants it running: something new is wanted, so the generation goes up. */
  wantRunning(id: number, now: number): void;
  /** Wants it gone. */
  wantStopped(id: number, reason: StopReason, now: number): void;
  /** All of it was observed to be gone. */
  recordStopped(id: number, now: number): void;
}

export function deploymentQueries(db: Database): DeploymentQueries {
  // Asked for by every pass and every request: prepared once.
  const byId = db
    .select()
    .from(deployments)
    .where(eq(deployments.id, sql.placeholder('id')))
    .prepare();
  const get = (id: number) => byId.get({ id });
  const ofMergeRequest = db
    .select()
    .from(deployments)
    .where(eq(deployments.mergeRequestId, sql.placeholder('id')))
    .orderBy(asc(deployments.id))
    .prepare();
  const named = db
    .select()
    .from(deployments)
    .where(eq(deployments.name, sql.placeholder('name')))
    .prepare();
  const bump = { generation: sql`${deployments.generation} + 1` };
  return {
    get,
    find: ({ projectId, app, ref }) =>
      db
        .select()
        .from(deployments)
        .where(and(eq(deployments.projectId, projectId), eq(deployments.app, app), eq(deployments.ref, ref)))
        .get(),
    named: (name) => named.get({ name }),
    withEnvironment: (projectId, environmentName) =>
      db
        .select()
        .from(deployments)
        .where(
          and(
            sql`coalesce(${deployments.environmentProjectId}, ${deployments.projectId}) = ${projectId}`,
            eq(deployments.environmentName, environmentName),
          ),
        )
        .all(),
    ofMergeRequest: (id) => ofMergeRequest.all({ id }),
    projects: () =>
      db
        .selectDistinct({ id: deployments.projectId })
        .from(deployments)
        .all()
        .map((row) => row.id),
    openOf: (projectId) =>
      db
        .select()
        .from(deployments)
        .where(and(eq(deployments.projectId, projectId), ne(deployments.phase, 'stopped')))
        .orderBy(asc(deployments.id))
        .all(),
    environmentNames: (projectId) =>
      db
        .selectDistinct({ name: deployments.environmentName })
        .from(deployments)
        .where(eq(deployments.projectId, projectId))
        .all()
        .map((row) => row.name),
    create: (values) => db.insert(deployments).values(values).returning().get(),
    update(id, values) {
      db.update(deployments).set(values).where(eq(deployments.id, id)).run();
    },
    wantRunning(id, now) {
      db.update(deployments)
        .set({ wanted: 'running', stopReason: null, stoppedAt: null, wantedAt: now, ...NOT_STOPPING, ...bump })
        .where(eq(deployments.id, id))
        .run();
    },
    wantStopped(id, reason, now) {
      db.update(deployments)
        .set({
          wanted: 'stopped',
          stopReason: reason,
          waitingSince: null,
          stoppingSince: sql`coalesce(${deployments.stoppingSince}, ${now})`,
          ...bump,
        })
        .where(eq(deployments.id, id))
        .run();
    },
    recordStopped(id, now) {
      db.update(deployments)
        .set({ phase: 'stopped', stoppedAt: sql`coalesce(${deployments.stoppedAt}, ${now})`, ...NOT_STOPPING })
        .where(eq(deployments.id, id))
        .run();
    },
  };
}
