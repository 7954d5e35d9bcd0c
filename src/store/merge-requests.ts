import { and, asc, eq, inArray, sql } from 'drizzle-orm';
import type { MergeRequestFacts } from '../deployment/gitlab-facts.ts';
import type { Database, SqliteConnection } from './database.ts';
import { prepareRead } from './prepare.ts';
import { type MergeRequestRow, mergeRequests } from './schema.ts';

type Changeable = Pick<
  MergeRequestRow,
  | 'state'
  | 'timesMissing'
  | 'unreadableSince'
  | 'unreadableWhy'
  | 'headRemark'
  | 'redeploy'
  | 'approvedSha'
  | 'approvedBy'
  | 'noteId'
  | 'noteHash'
  | 'noteSeenAt'
  | 'readAt'
>;

export type MergeRequestHead = Pick<
  MergeRequestRow,
  'id' | 'state' | 'headSha' | 'title' | 'targetBranch' | 'headRemark' | 'unreadableSince'
>;

export interface MergeRequestQueries {
  /** What a webhook needs of a merge request; a whole row takes longer to read. */
  head(projectId: number, iid: number): MergeRequestHead | undefined;
  find(projectId: number, iid: number): MergeRequestRow | undefined;
  get(id: number): MergeRequestRow | undefined;
  /** Open merge requests that we know with this source branch, in whichever project the branch lies. */
  openWithBranch(sourceProjectId: number, branch: string): MergeRequestRow[];
  all(): MergeRequestRow[];
  /** Those of a project, oldest first, that have a deployment which is not stopped, or which comes back with it: closed, or not to be read, since this time (ms). */
  toCompare(projectId: number, closedSince: number): MergeRequestRow[];
  /** Records what was read, and returns the row. */
  record(facts: MergeRequestFacts, now: number): MergeRequestRow;
  update(id: number, values: Partial<Changeable>): void;
}

export function mergeRequestQueries(db: Database, sqlite: SqliteConnection): MergeRequestQueries {
  const isOne = and(
    eq(mergeRequests.projectId, sql.placeholder('projectId')),
    eq(mergeRequests.iid, sql.placeholder('iid')),
  );
  const byKey = db.select().from(mergeRequests).where(isOne).prepare();
  const headColumns = {
    id: mergeRequests.id,
    state: mergeRequests.state,
    headSha: mergeRequests.headSha,
    title: mergeRequests.title,
    targetBranch: mergeRequests.targetBranch,
    headRemark: mergeRequests.headRemark,
    unreadableSince: mergeRequests.unreadableSince,
  };
  const head = prepareRead(sqlite, headColumns, (columns) => db.select(columns).from(mergeRequests).where(isOne));
  const byId = db
    .select()
    .from(mergeRequests)
    .where(eq(mergeRequests.id, sql.placeholder('id')))
    .prepare();
  return {
    head: (projectId, iid) => head({ projectId, iid }),
    find: (projectId, iid) => byKey.get({ projectId, iid }),
    get: (id) => byId.get({ id }),
    openWithBranch: (sourceProjectId, branch) =>
      db
        .select()
        .from(mergeRequests)
        .where(
          and(
            eq(mergeRequests.sourceProjectId, sourceProjectId),
            eq(mergeRequests.sourceBranch, branch),
            inArray(mergeRequests.state, ['opened', 'locked']),
          ),
        )
        .all(),
    all: () => db.select().from(mergeRequests).all(),
    toCompare: (projectId, closedSince) =>
      db
        .select()
        .from(mergeRequests)
        .where(
          and(
            eq(mergeRequests.projectId, projectId),
            sql`exists (select 1 from deployments d where d.merge_request_id = ${mergeRequests.id}
              and (d.phase <> 'stopped' or (${mergeRequests.state} not in ('merged', 'deleted') and d.stopped_at >= ${closedSince})))`,
          ),
        )
        .orderBy(asc(mergeRequests.id))
        .all(),
    record(facts, now) {
      const values = {
        projectPath: facts.projectPath,
        projectUrl: facts.projectUrl,
        state: facts.state,
        title: facts.title,
        webUrl: facts.webUrl,
        sourceBranch: facts.sourceBranch,
        targetBranch: facts.targetBranch,
        headSha: facts.headSha,
        sourceProjectId: facts.sourceProjectId,
        timesMissing: 0,
        unreadableSince: null,
        unreadableWhy: null,
        readAt: now,
      };
      return (
        db
          .insert(mergeRequests)
          .values({ projectId: facts.projectId, iid: facts.iid, createdAt: now, ...values })
          // A merge is final: what says otherwise is from before it (a replica that lags behind).
          .onConflictDoUpdate({
            target: [mergeRequests.projectId, mergeRequests.iid],
            set: {
              ...values,
              state: sql`case ${mergeRequests.state} when 'merged' then 'merged' else ${facts.state} end`,
            },
          })
          .returning()
          .get()
      );
    },
    update(id, values) {
      db.update(mergeRequests).set(values).where(eq(mergeRequests.id, id)).run();
    },
  };
}
