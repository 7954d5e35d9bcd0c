import { createHash } from 'node:crypto';
import type { GitLab } from '../gitlab/gitlab.ts';
import type { Log } from '../log.ts';
import type { MergeRequestRow } from '../store/schema.ts';
import type { Store } from '../store/store.ts';
import { isMarked } from '../views/note/marker.ts';
import { renderNote } from '../views/note/note.ts';
import { noteModel } from './note-model.ts';
import { DONE, type Reconciler } from './reconciler.ts';

export interface NoteContext {
  readonly store: Store;
  readonly gitlab: GitLab;
  readonly log: Log;
  readonly now: () => number;
  /** How often, at most, an unchanged note is looked for in GitLab; ms. */
  readonly noteCheckMs: number;
  previewUrl(name: string): string;
}

/** Keeps the one note of a merge request right. It is written only when its text changes, and made again where somebody deleted it. */
export function noteReconciler(context: NoteContext): Reconciler {
  const { store, gitlab, log } = context;
  return {
    kind: 'note',
    async reconcile(id) {
      const row = store.mergeRequests.get(id);
      if (!row || row.state === 'deleted') return DONE;
      const model = noteModel(store, row, { previewUrl: context.previewUrl });
      if (model.apps.length === 0) return DONE;
      const body = renderNote(model);
      const noteHash = createHash('sha256').update(body).digest('hex');
      if (row.noteId !== null && row.noteHash === noteHash && (await isThere(row, row.noteId, body))) return DONE;
      const noteId = await write(row, body);
      store.mergeRequests.update(id, { noteId, noteHash, noteSeenAt: context.now() });
      log.info({ project: row.projectId, mergeRequest: row.iid, note: noteId }, 'note written');
      return DONE;
    },
  };

  /** GitLab tells nobody of a deleted note, so the sweep's passes look for it. */
  async function isThere(row: MergeRequestRow, noteId: number, body: string): Promise<boolean> {
    if (context.now() - (row.noteSeenAt ?? 0) < context.noteCheckMs) return true;
    const found = await gitlab.note(row.projectId, row.iid, noteId);
    if (found?.body.trim() !== body.trim()) return false;
    store.mergeRequests.update(row.id, { noteSeenAt: context.now() });
    return true;
  }

  async function write(row: MergeRequestRow, body: string): Promise<number> {
    const known = row.noteId ?? (await findOwn(row));
    if (known !== undefined) {
      const edited = await gitlab.editNote(row.projectId, row.iid, known, body);
      if (edited) return known;
      // Somebody deleted it. Another one of ours may be there all the same, from a try whose answer was lost.
      const other = row.noteId === null ? undefined : await findOwn(row);
      if (other !== undefined && (await gitlab.editNote(row.projectId, row.iid, other, body))) return other;
    }
    return (await gitlab.createNote(row.projectId, row.iid, body)).id;
  }

  /** By marker and author: a marker alone can be written by anyone. */
  async function findOwn(row: MergeRequestRow): Promise<number | undefined> {
    const own = (await gitlab.currentUser()).id;
    return (await gitlab.notes(row.projectId, row.iid)).find(
      (note) => !note.system && note.author.id === own && isMarked(note.body),
    )?.id;
  }
}
