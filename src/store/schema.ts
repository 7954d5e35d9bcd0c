import { sql } from 'drizzle-orm';
import { blob, index, integer, primaryKey, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core';
import type { AppSpec } from '../deployment/app-spec.ts';
import type { ComparedChanges, MissingFiles } from '../deployment/changes.ts';
import type { CommentOutcome } from '../deployment/commands.ts';
import type { CommitFacts, HeadRemark } from '../deployment/gitlab-facts.ts';
import type { PartHealth } from '../deployment/launch.ts';
import type { Phase, RevisionState, StopReason, Wanted } from '../deployment/phase.ts';
import type { RedeployRequest } from '../deployment/redeploy.ts';

/** All times are ms since the epoch. Migrations are generated from this file: `npm run db:generate`. */

/** A merge request as it was last read from GitLab, and its note. */
export const mergeRequests = sqliteTable(
  'merge_requests',
  {
    id: integer().primaryKey(),
    projectId: integer().notNull(),
    iid: integer().notNull(),
    projectPath: text().notNull(),
    projectUrl: text().notNull(),
    state: text().$type<'opened' | 'closed' | 'merged' | 'locked' | 'deleted'>().notNull(),
    title: text().notNull(),
    webUrl: text().notNull(),
    sourceBranch: text().notNull(),
    targetBranch: text().notNull().default(''),
    headSha: text().notNull(),
    sourceProjectId: integer(),
    /** Of a fork's merge request: the one commit that a Developer of the target project allowed to run, and who did. */
    approvedSha: text(),
    approvedBy: text(),
    /** Why the head commit is not what the preview shows, where its pipeline will not deploy it. */
    headRemark: text({ mode: 'json' }).$type<HeadRemark>(),
    /** Asked for by `/deploy` or the API, and not done yet. */
    redeploy: text({ mode: 'json' }).$type<RedeployRequest>(),
    /** Since when GitLab has refused to show it (rights lost, project gone), and what it said; ms. Nothing is removed because of it. */
    unreadableSince: integer(),
    unreadableWhy: text(),
    /** Reads in a row that found no merge request while its project answered: two of them are evidence. */
    timesMissing: integer().notNull().default(0),
    noteId: integer(),
    /** SHA-256 of the note's text as it was last written. */
    noteHash: text(),
    /** When the note was last seen to be there and right. */
    noteSeenAt: integer(),
    readAt: integer().notNull(),
    createdAt: integer().notNull(),
  },
  (t) => [
    uniqueIndex('merge_requests_key').on(t.projectId, t.iid),
    index('merge_requests_branch').on(t.sourceProjectId, t.sourceBranch),
  ],
);

/** What one app has for one merge request. */
export const deployments = sqliteTable(
  'deployments',
  {
    id: integer().primaryKey(),
    name: text().notNull().unique(),
    slug: text().notNull().unique(),
    mergeRequestId: integer()
      .notNull()
      .references(() => mergeRequests.id),
    projectId: integer().notNull(),
    app: text().notNull(),
    /** `mr-<iid>`. */
    ref: text().notNull(),
    /** As the ID token said; never computed. */
    environmentName: text().notNull(),
    /** The project that the environment is in, where it is not the target: the fork whose pipeline made it. */
    environmentProjectId: integer(),
    wanted: text().$type<Wanted>().notNull(),
    stopReason: text().$type<StopReason>(),
    /** Bumped whenever something new is wanted. */
    generation: integer().notNull().default(1),
    phase: text().$type<Phase>().notNull(),
    /** Revision that gets the traffic. */
    liveRevisionId: integer(),
    /** When something was last wanted by a pipeline, a comment or a reopen: an older stop job does nothing. */
    wantedAt: integer().notNull(),
    /** Pipeline of the latest revision that a pipeline brought: a stop job of an older one does nothing. */
    pipelineId: integer().notNull(),
    createdAt: integer().notNull(),
    /** Since when it waits for one of the `BD_MAX_RUNNING` places; its place in the queue. */
    waitingSince: integer(),
    /** Since when its removal is under way, how often that was tried, and what was in its way the last time. */
    stoppingSince: integer(),
    stopTries: integer().notNull().default(0),
    stopError: text(),
    stoppedAt: integer(),
  },
  (t) => [
    uniqueIndex('deployments_key').on(t.projectId, t.app, t.ref),
    index('deployments_merge_request').on(t.mergeRequestId),
    index('deployments_phase').on(t.phase),
    index('deployments_waiting').on(t.waitingSince).where(sql`${t.waitingSince} is not null`),
    index('deployments_stopped').on(t.stoppedAt),
    index('deployments_environment').on(t.projectId, t.environmentName),
  ],
);

/** One push to a deployment, or one more try of it. */
export const revisions = sqliteTable(
  'revisions',
  {
    id: integer().primaryKey(),
    deploymentId: integer()
      .notNull()
      .references(() => deployments.id),
    /** 1, 2, 3, … within the deployment. */
    number: integer().notNull(),
    state: text().$type<RevisionState>().notNull(),
    /** Why it failed or was superseded, in a sentence. */
    message: text(),
    parts: text({ mode: 'json' }).$type<readonly PartHealth[]>().notNull().default([]),
    /** Last lines that the app or its setup printed before it failed. */
    failureLog: text({ mode: 'json' }).$type<readonly string[]>().notNull().default([]),
    commit: text({ mode: 'json' }).$type<CommitFacts>().notNull(),
    pushedBy: text().notNull(),
    bundle: text().notNull(),
    spec: text({ mode: 'json' }).$type<AppSpec>().notNull(),
    /** Values of the variables that its job handed over; null where there are none, and once it cannot run again. */
    sealedVariables: text(),
    instance: text().notNull(),
    /** `none`: never launched; `present`: may be there; `gone`: observed absent. */
    instanceState: text().$type<'none' | 'present' | 'gone'>().notNull().default('none'),
    endpointHost: text(),
    endpointPort: integer(),
    /** How many bytes of the instance's output are in the revision's log already. */
    outputOffset: integer().notNull().default(0),
    /** Starts after a crash of a healthy instance. */
    restarts: integer().notNull().default(0),
    queuedAt: integer().notNull(),
    startedAt: integer(),
    /** When it must be healthy. */
    deadlineAt: integer(),
    healthyAt: integer(),
    endedAt: integer(),
    /** Since when it gets no new requests. */
    drainingSince: integer(),
  },
  (t) => [
    uniqueIndex('revisions_number').on(t.deploymentId, t.number),
    index('revisions_bundle').on(t.bundle),
    index('revisions_instance').on(t.instance),
    index('revisions_present').on(t.deploymentId).where(sql`${t.instanceState} = 'present'`),
  ],
);

/** What a deploy job asked for; its id is the idempotency key of everything that the job sends. */
export const jobs = sqliteTable(
  'jobs',
  {
    id: integer().primaryKey(),
    deploymentId: integer()
      .notNull()
      .references(() => deployments.id),
    pipelineId: integer().notNull(),
    commit: text({ mode: 'json' }).$type<CommitFacts>().notNull(),
    pushedBy: text().notNull(),
    directory: text().notNull(),
    timeoutMs: integer().notNull(),
    /** Names in the component's input `variables`, and names of those for setup that the job has handed over. */
    variables: text({ mode: 'json' }).$type<readonly string[]>().notNull().default([]),
    setupVariables: text({ mode: 'json' }).$type<readonly string[]>().notNull().default([]),
    /** Values of `variables`, until its revision has them. */
    sealedVariables: text(),
    /** The revision that this job brought, or found. */
    revisionId: integer().references(() => revisions.id),
    createdAt: integer().notNull(),
  },
  (t) => [index('jobs_revision').on(t.revisionId), index('jobs_deployment').on(t.deploymentId)],
);

/** What a revision changes of its base, once that is decided: compared, or unknown for a reason. */
export const revisionChanges = sqliteTable(
  'revision_changes',
  {
    revisionId: integer()
      .primaryKey()
      .references(() => revisions.id),
    /** Commit that it was compared with; null where none was found. */
    baseSha: text(),
    baseUrl: text(),
    /** Why it is not known, in a sentence; null where it is. */
    unknown: text(),
    compared: text({ mode: 'json' }).$type<ComparedChanges>(),
    /** Files of the base that the next revision is not given; null where it is given all that it asks for. */
    missingFiles: text({ mode: 'json' }).$type<MissingFiles>(),
    decidedAt: integer().notNull(),
  },
  (t) => [index('revision_changes_decided').on(t.decidedAt)],
);

/** What was read of the code of a revision or of a base, so that it is not read again; see `snapshots`. */
export const readings = sqliteTable(
  'readings',
  {
    deploymentId: integer()
      .notNull()
      .references(() => deployments.id),
    /** Names everything that it depends on. */
    key: text().notNull(),
    digest: text()
      .notNull()
      .references(() => snapshots.digest),
    /** When it was read, or of use last. */
    readAt: integer().notNull(),
  },
  (t) => [primaryKey({ columns: [t.deploymentId, t.key] }), index('readings_digest').on(t.digest)],
);

/** Snapshots of definitions, each once, under the SHA-256 of its text. */
export const snapshots = sqliteTable('snapshots', {
  digest: text().primaryKey(),
  /** Gzipped. */
  content: blob({ mode: 'buffer' }).notNull(),
});

/** What has to be looked at: one row per subject and kind, so that bursts coalesce. */
export const work = sqliteTable(
  'work',
  {
    /** `merge-request:<id>` or `deployment:<id>`. */
    subject: text().notNull(),
    kind: text().notNull(),
    dueAt: integer().notNull(),
    /** Counts markings: work that was marked again while it ran is due again. */
    marks: integer().notNull().default(1),
    attempts: integer().notNull().default(0),
    lastError: text(),
    /** Boot id of the process that works on it. */
    claimedBy: text(),
  },
  (t) => [
    primaryKey({ columns: [t.subject, t.kind] }),
    index('work_due').on(t.dueAt).where(sql`${t.claimedBy} is null`),
  ],
);

/** What happened, for people. */
export const events = sqliteTable(
  'events',
  {
    id: integer().primaryKey(),
    at: integer().notNull(),
    mergeRequestId: integer(),
    deploymentId: integer(),
    revisionId: integer(),
    type: text().notNull(),
    message: text().notNull(),
  },
  (t) => [
    index('events_deployment').on(t.deploymentId, t.id),
    index('events_merge_request').on(t.mergeRequestId, t.id),
    index('events_at').on(t.at),
  ],
);

/**
 * Ids of webhook deliveries that were taken, so that a repeated one is taken once. In the order they came and without an index: theirs is in
 * memory (`deliveries.ts`).
 */
export const deliveries = sqliteTable('deliveries', { id: text().notNull(), receivedAt: integer().notNull() });

/** Comments with a command that nobody has acted on yet; what they say is read from GitLab when it is acted on. */
export const comments = sqliteTable(
  'comments',
  {
    mergeRequestId: integer()
      .notNull()
      .references(() => mergeRequests.id),
    noteId: integer().notNull(),
    /** `acted`: what it asks for was done, and is still to be acknowledged. */
    state: text().$type<'pending' | 'acted' | 'done'>().notNull().default('pending'),
    /** What came of it, once it was acted on. */
    outcome: text().$type<CommentOutcome>(),
    receivedAt: integer().notNull(),
  },
  (t) => [primaryKey({ columns: [t.mergeRequestId, t.noteId] })],
);

export type CommentRow = typeof comments.$inferSelect;
export type MergeRequestRow = typeof mergeRequests.$inferSelect;
export type DeploymentRow = typeof deployments.$inferSelect;
export type RevisionRow = typeof revisions.$inferSelect;
export type RevisionChangesRow = typeof revisionChanges.$inferSelect;
export type JobRow = typeof jobs.$inferSelect;
export type WorkRow = typeof work.$inferSelect;
export type EventRow = typeof events.$inferSelect;
