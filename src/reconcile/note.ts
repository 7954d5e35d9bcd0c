import { createHash } from 'node:crypto';
import type { ForkPolicy } from '../deployment/forks.ts';
import { GitLabError } from '../errors.ts';
import type { GitLab } from '../gitlab/gitlab.ts';
import { type Log, mergeRequestFields } from '../log.ts';
import type { MergeRequestRow } from '../store/schema.ts';
import type { Store } from '../store/store.ts';
import { isMarked } from '../views/note/marker.ts';
import { renderNote } from '../views/note/note.ts';
import { takeMissedCommands } from './missed-commands.ts';
import { noteModel } from './note-model.ts';
import { isUnreadable, suspecting } from './read-truth.ts';
import { again, DONE, type Reconciler, type Result } from './reconciler.ts';

export interface NoteContext {
  readonly store: Store;
  readonly gitlab: GitLab;
  readonly log: Log;
  readonly now: () => number;
  /** How often, at most, an unchanged note is looked for in GitLab; ms. */
  readonly noteCheckMs: number;
  /** How long GitLab's reads may lag behind what it did; ms. */
  readonly readLagMs: number;
  readonly forks: ForkPolicy;
  /** Deployments that may have instances at once. */
  readonly maxRunning: number;
  previewUrl(name: string): string;
}

/** Keeps the one note of a merge request right. It is written only when its text changes, and made again where somebody deleted it. */
export function noteReconciler(context: NoteContext): Reconciler {
  const { store, gitlab, log } = context;
  return {
    kind: 'note',
    async reconcile(id) {
      const row = store.mergeRequests.get(id);
      if (!row || row.state === 'deleted' || isUnreadable(row)) return DONE;
      return suspecting(context, row, () => keepRight(row));
    },
  };

  async function keepRight(row: MergeRequestRow): Promise<Result> {
    const model = noteModel(store, row, context);
    if (model.apps.length === 0) return DONE;
    const body = renderNote(model);
    const noteHash = createHash('sha256').update(body).digest('hex');
    if (row.noteId !== null && row.noteHash === noteHash && (await isThere(row, row.noteId, body))) return DONE;
    const noteId = await edit(row, body);
    if (noteId === undefined) return create(row, body, noteHash);
    record(row, noteId, noteHash);
    return DONE;
  }

  function record(row: MergeRequestRow, noteId: number, noteHash: string): void {
    store.mergeRequests.update(row.id, { noteId, noteHash, noteSeenAt: context.now() });
    log.info({ decision: 'note', ...mergeRequestFields(row), note: noteId }, 'the note is written');
  }

  /** GitLab tells nobody of a deleted note, and a comment's webhook may be lost: the sweep's passes look for both, with one request. */
  async function isThere(row: MergeRequestRow, noteId: number, body: string): Promise<boolean> {
    if (context.now() - (row.noteSeenAt ?? 0) < context.noteCheckMs) return true;
    const recent = await gitlab.recentNotes(row.projectId, row.iid);
    takeMissedCommands(context, row, recent);
    const found = recent.find(({ id }) => id === noteId) ?? (await gitlab.note(row.projectId, row.iid, noteId));
    if (found?.body.trim() !== body.trim()) return false;
    store.mergeRequests.update(row.id, { noteSeenAt: context.now() });
    return true;
  }

  /** Undefined where there is none to edit. */
  async function edit(row: MergeRequestRow, body: string): Promise<number | undefined> {
    for (const noteId of [row.noteId, undefined]) {
      if (noteId === null) continue;
      // Somebody may have deleted it; another one of ours is there all the same after a try whose answer was lost.
      const known = noteId ?? (await findOwn(row));
      if (known !== undefined && (await gitlab.editNote(row.projectId, row.iid, known, body))) return known;
    }
    return undefined;
  }

  /**
   * A try whose answer was lost, or that ended with the service, may have written a note that GitLab does not show yet. So each try is
   * recorded first (a time without a note), and the next one waits until GitLab would show what came of it.
   */
  async function create(row: MergeRequestRow, body: string, noteHash: string): Promise<Result> {
    const triedAt = row.noteId === null ? row.noteSeenAt : null;
    const waitMs = triedAt === null ? 0 : triedAt + context.readLagMs - context.now();
    if (waitMs > 0) return again(waitMs);
    store.mergeRequests.update(row.id, { noteId: null, noteHash: null, noteSeenAt: context.now() });
    try {
      record(row, (await gitlab.createNote(row.projectId, row.iid, body)).id, noteHash);
    } catch (error) {
      if (surelyRefused(error)) store.mergeRequests.update(row.id, { noteSeenAt: null });
      throw error;
    }
    return DONE;
  }

  /** By marker and author: a marker alone can be written by anyone. */
  async function findOwn(row: MergeRequestRow): Promise<number | undefined> {
    const own = (await gitlab.ownUser()).id;
    return (await gitlab.notes(row.projectId, row.iid)).find(
      (note) => !note.system && note.author.id === own && isMarked(note.body),
    )?.id;
  }
}

/** Whether GitLab itself has said no: nothing was written. */
function surelyRefused(error: unknown): boolean {
  const status = error instanceof GitLabError ? (error.status ?? 0) : 0;
  return status >= 400 && status < 500;
}
