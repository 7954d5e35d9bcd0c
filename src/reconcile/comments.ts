import { type CommentOutcome, parseCommand } from '../deployment/commands.ts';
import { type ForkPolicy, isFork } from '../deployment/forks.ts';
import { DEVELOPER, type NoteFacts } from '../deployment/gitlab-facts.ts';
import { GitLabError } from '../errors.ts';
import type { GitLab } from '../gitlab/gitlab.ts';
import { type Log, mergeRequestFields } from '../log.ts';
import type { CommentRow, MergeRequestRow } from '../store/schema.ts';
import type { Store } from '../store/store.ts';
import { requestRedeploy, wantStopped } from '../store/want.ts';
import { type ReplyKind, renderReply, replyMarker } from '../views/note/reply.ts';
import { deployFork } from './approve-fork.ts';

export interface CommentContext {
  readonly store: Store;
  readonly gitlab: GitLab;
  readonly log: Log;
  readonly now: () => number;
  readonly forks: ForkPolicy;
}

/**
 * Makes wanted what a comment asks for, once. The comment and its author are read from GitLab: a webhook's word decides nothing.
 */
export async function obeyComment(context: CommentContext, row: MergeRequestRow, comment: CommentRow): Promise<void> {
  const { store, gitlab, log, now } = context;
  if (comment.state !== 'pending') return;
  const note = await gitlab.note(row.projectId, row.iid, comment.noteId);
  const asked = note && !note.system ? parseCommand(note.body) : undefined;
  if (!note || !asked || note.author.id === (await gitlab.ownUser()).id)
    return store.comments.acted(comment, 'ignored');
  const allowed = (await gitlab.accessLevel(row.projectId, note.author.id)) >= DEVELOPER;
  const outcome = store.transaction(() => {
    const result = decide(note);
    store.comments.acted(comment, result);
    return result;
  });
  log.info(
    { decision: 'command', ...mergeRequestFields(row), command: asked.command, by: note.author.username, outcome },
    'a command in a comment',
  );

  /** Null: what comes of it is known once the request was acted on. */
  function decide(note: NoteFacts): CommentOutcome | null {
    if (!allowed) return 'not-allowed';
    const deployments = store.deployments.ofMergeRequest(row.id).filter(({ id }) => !overtaken(id, note));
    if (asked?.command === 'deploy' && isFork(row)) {
      const current = deployments.map(({ id }) => id);
      return deployFork(context, row, { argument: asked.argument, by: note.author.name, current });
    }
    if (deployments.length === 0 && store.deployments.ofMergeRequest(row.id).length > 0) return 'overtaken';
    switch (asked?.command) {
      case 'undeploy':
        for (const deployment of deployments) wantStopped(store, deployment, { reason: 'undeployed', now: now() });
        return 'taken';
      case 'deploy':
        for (const deployment of deployments) requestRedeploy(store, deployment, { by: note.author.name, now: now() });
        return deployments.length > 0 ? null : 'no-bundle';
      default:
        return 'not-yet';
    }
  }

  /** Its webhook was lost or late, and something newer was asked for meanwhile. */
  function overtaken(deploymentId: number, note: NoteFacts): boolean {
    return (store.jobs.lastAskedAt(deploymentId) ?? 0) > note.createdAt || store.comments.obeyedAfter(comment);
  }
}

/** Says on a comment what came of it, where that is known. */
export async function acknowledge(context: CommentContext, row: MergeRequestRow, comment: CommentRow): Promise<void> {
  const { outcome } = comment;
  if (comment.state !== 'acted' || outcome === null) return;
  if (outcome !== 'ignored') {
    const emoji = outcome === 'taken' ? 'thumbsup' : 'thumbsdown';
    const isThere = await award(context, row, comment.noteId, emoji);
    if (isThere && outcome !== 'taken' && outcome !== 'not-allowed')
      await replyOnce(context, row, comment.noteId, outcome);
  }
  context.store.comments.done(comment);
}

/** False where somebody deleted the comment. */
async function award(context: CommentContext, row: MergeRequestRow, noteId: number, emoji: string): Promise<boolean> {
  try {
    await context.gitlab.awardNote(row.projectId, row.iid, noteId, emoji);
    return true;
  } catch (error) {
    if (error instanceof GitLabError && error.failure === 'not-found') return false;
    throw error;
  }
}

async function replyOnce(
  context: CommentContext,
  row: MergeRequestRow,
  noteId: number,
  outcome: ReplyKind,
): Promise<void> {
  const own = (await context.gitlab.ownUser()).id;
  const notes = await context.gitlab.notes(row.projectId, row.iid);
  if (notes.some((note) => note.author.id === own && note.body.startsWith(replyMarker(noteId)))) return;
  await context.gitlab.createNote(row.projectId, row.iid, renderReply(outcome, noteId, row.headSha));
}
