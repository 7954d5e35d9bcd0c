import { and, desc, eq, getTableColumns, lt, type SQL, sql } from 'drizzle-orm';
import type { Phase } from '../deployment/phase.ts';
import type { Database } from './database.ts';
import {
  type DeploymentRow,
  deployments,
  type EventRow,
  events,
  type MergeRequestRow,
  mergeRequests,
  type RevisionRow,
  revisions,
} from './schema.ts';

/** A revision as people see it: without its whole spec, and without what only the service needs. */
export type RevisionSummary = Pick<
  RevisionRow,
  | 'id'
  | 'deploymentId'
  | 'number'
  | 'state'
  | 'message'
  | 'parts'
  | 'commit'
  | 'pushedBy'
  | 'queuedAt'
  | 'startedAt'
  | 'healthyAt'
  | 'endedAt'
> & { readonly preset: string };

export interface ListedDeployment {
  readonly deployment: DeploymentRow;
  readonly mergeRequest: MergeRequestRow;
}

/** What is read for people, in pages; each query is answered from an index, however much history there is. */
export interface ReadingQueries {
  /** Projects with deployments, by id; those at this path where one is given. */
  projectIds(path?: string): number[];
  /** Newest first, of these projects, with ids below `before`. */
  list(filter: {
    readonly projectIds: readonly number[];
    readonly phase?: Phase | undefined;
    readonly before?: number | undefined;
    readonly limit: number;
  }): ListedDeployment[];
  /** The latest and the live revision of each of these. */
  summaries(of: readonly DeploymentRow[]): RevisionSummary[];
  /** Newest first, with numbers below `before`. */
  revisions(
    deploymentId: number,
    page: { readonly before?: number | undefined; readonly limit: number },
  ): RevisionSummary[];
  /** Newest first. */
  events(deploymentId: number, limit: number): EventRow[];
}

/** So many projects are read one by one. */
const FEW_PROJECTS = 20;

export function readingQueries(db: Database): ReadingQueries {
  const { id, deploymentId, number, state, message, parts, commit, pushedBy, queuedAt, startedAt, healthyAt, endedAt } =
    getTableColumns(revisions);
  const summary = {
    id,
    deploymentId,
    number,
    state,
    message,
    parts,
    commit,
    pushedBy,
    queuedAt,
    startedAt,
    healthyAt,
    endedAt,
    preset: sql<string>`json_extract(${revisions.spec}, '$.preset')`,
  };
  return {
    projectIds(path) {
      const rows =
        path === undefined
          ? db.selectDistinct({ id: deployments.projectId }).from(deployments).all()
          : db
              .selectDistinct({ id: mergeRequests.projectId })
              .from(mergeRequests)
              .where(eq(mergeRequests.projectPath, path))
              .all();
      return rows.map((row) => row.id);
    },
    list({ projectIds, phase, before, limit }) {
      // The plus takes an index out of SQLite's choice: of few projects their own rows are read, of many all rows, until a page is full.
      const few = projectIds.length <= FEW_PROJECTS;
      const ids = db
        .select({ id: deployments.id })
        .from(deployments)
        .where(
          and(
            sql`${sql.raw(few ? '' : '+')}${deployments.projectId} in (${eachOf(projectIds)})`,
            phase && sql`${sql.raw(few ? '+' : '')}${deployments.phase} = ${phase}`,
            before === undefined ? undefined : sql`${sql.raw(few ? '+' : '')}${deployments.id} < ${before}`,
          ),
        )
        .orderBy(desc(deployments.id))
        .limit(limit)
        .all();
      return db
        .select({ deployment: deployments, mergeRequest: mergeRequests })
        .from(deployments)
        .innerJoin(mergeRequests, eq(mergeRequests.id, deployments.mergeRequestId))
        .where(sql`${deployments.id} in (${eachOf(ids.map(({ id }) => id))})`)
        .orderBy(desc(deployments.id))
        .all();
    },
    summaries(of) {
      const ids = eachOf(of.map((d) => d.id));
      const live = of.flatMap((d) => d.liveRevisionId ?? []);
      const latest = sql`select (select l.id from revisions l where l.deployment_id = d.value order by l.number desc limit 1)
        from (${ids}) d`;
      return db
        .select(summary)
        .from(revisions)
        .where(sql`${revisions.id} in (${latest} union ${eachOf(live)})`)
        .all();
    },
    revisions: (of, { before, limit }) =>
      db
        .select(summary)
        .from(revisions)
        .where(and(eq(revisions.deploymentId, of), before === undefined ? undefined : lt(revisions.number, before)))
        .orderBy(desc(revisions.number))
        .limit(limit)
        .all(),
    events: (of, limit) =>
      db.select().from(events).where(eq(events.deploymentId, of)).orderBy(desc(events.id)).limit(limit).all(),
  };
}

/** A list as one parameter, so that its length does not change the statement. */
function eachOf(ids: readonly number[]): SQL {
  return sql`select value from json_each(${JSON.stringify(ids)})`;
}
