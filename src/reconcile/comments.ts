import { type CommentOutcome, parseCommand } from '../deployment/commands.ts';
import type { NoteFacts } from '../deployment/gitlab-facts.ts';
import type { GitLab } from '../gitlab/gitlab.ts';
import type { Log } from '../log.ts';
import type { CommentRow, MergeRequestRow } from '../store/schema.ts';
import type { Store } from '../store/store.ts';
import { wantRevision, wantStopped } from '../store/want.ts';
import { renderReply, replyMarker } from '../views/note/reply.ts';

/** GitLab's number for the role Developer (doc/api/members.md). */
const DEVELOPER = 30;

export interface CommentContext {
  readonly store: Store;
  readonly gitlab: GitLab;
  readonly log: Log;
  readonly now: () => number;
  hasBundle(digest: string): Promise<boolean>;
}

/**
 * Does what a comment asks for, once, and acknowledges it. The comment and its author are read from GitLab: a webhook's word
 * decides nothing.
 */
export async function obeyComment(context: CommentContext, row: MergeRequestRow, comment: CommentRow): Promise<void> {
  const { store, gitlab } = context;
  const note = await gitlab.note(row.projectId, row.iid, comment.noteId);
  const outcome = comment.outcome ?? (await act(context, row, comment, note));
  if (note !== null && outcome !== 'ignored') {
    if (outcome !== 'taken' && outcome !== 'not-allowed') await replyOnce(context, row, comment.noteId, outcome);
    await gitlab.awardNote(row.projectId, row.iid, comment.noteId, outcome === 'taken' ? 'thumbsup' : 'thumbsdown');
  }
  store.comments.done(comment);
}

async function act(
  context: CommentContext,
  row: MergeRequestRow,
  comment: CommentRow,
  note: NoteFacts | null,
): Promise<CommentOutcome> {
  const { store, gitlab, log, now } = context;
  const asked = note && !note.system ? parseCommand(note.body) : undefined;
  if (!note || !asked || note.author.id === (await gitlab.currentUser()).id) return 'ignored';
  const allowed = (await gitlab.accessLevel(row.projectId, note.author.id)) >= DEVELOPER;
  const again = asked.command === 'deploy' ? await redeployable(context, row) : [];
  const outcome = store.transaction(() => {
    const result = decide();
    store.comments.acted(comment, result);
    return result;
  });
  log.info(
    { project: row.projectId, mergeRequest: row.iid, command: asked.command, by: note.author.username, outcome },
    'a command in a comment',
  );
  return outcome;

  function decide(): CommentOutcome {
    if (!allowed) return 'not-allowed';
    switch (asked?.command) {
      case 'undeploy':
        for (const deployment of store.deployments.ofMergeRequest(row.id))
          wantStopped(store, deployment, { reason: 'undeployed', now: now() });
        return 'taken';
      case 'deploy':
        if (row.state !== 'opened' && row.state !== 'locked') return 'not-open';
        for (const { deployment, latest } of again) {
          wantRevision(store, deployment, {
            commit: latest.commit,
            pushedBy: latest.pushedBy,
            bundle: latest.bundle,
            spec: latest.spec,
            now: now(),
            why: `${note?.author.name} asked for it`,
          });
        }
        return again.length > 0 ? 'taken' : 'no-bundle';
      default:
        return 'not-yet';
    }
  }
}

/** The apps of a merge request whose latest source is still there. */
async function redeployable(context: CommentContext, row: MergeRequestRow) {
  const found = [];
  for (const deployment of context.store.deployments.ofMergeRequest(row.id)) {
    const latest = context.store.revisions.latest(deployment.id);
    if (latest && (await context.hasBundle(latest.bundle))) found.push({ deployment, latest });
  }
  return found;
}

async function replyOnce(
  context: CommentContext,
  row: MergeRequestRow,
  noteId: number,
  outcome: 'no-bundle' | 'not-open' | 'not-yet',
): Promise<void> {
  const own = (await context.gitlab.currentUser()).id;
  const notes = await context.gitlab.notes(row.projectId, row.iid);
  if (notes.some((note) => note.author.id === own && note.body.startsWith(replyMarker(noteId)))) return;
  await context.gitlab.createNote(row.projectId, row.iid, renderReply(outcome, noteId));
}
