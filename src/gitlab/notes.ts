import { MergeRequestNoteAwardEmojis, MergeRequestNotes } from '@gitbeaker/rest';
import * as z from 'zod';
import type { NoteFacts } from '../deployment/gitlab-facts.ts';
import { GitLabError } from '../errors.ts';
import { nullWhereMissing, person, readAnswer, readList } from './answers.ts';
import type { GitLab } from './gitlab.ts';
import type { ResourceOptions } from './resource-options.ts';

/** GitLab's largest page. */
const RECENT = 100;

const note = z
  .object({
    id: z.number(),
    body: z.string().nullish(),
    author: person.nullish(),
    system: z.boolean().default(false),
    created_at: z.string(),
  })
  .transform(
    (wire): NoteFacts => ({
      id: wire.id,
      body: wire.body ?? '',
      author: wire.author ?? { id: 0, username: 'ghost', name: 'Ghost User' },
      system: wire.system,
      createdAt: Date.parse(wire.created_at),
    }),
  );

/** Notes of merge requests (doc/api/notes.md) and emojis on them (doc/api/emoji_reactions.md). */
export function createNotes(
  options: ResourceOptions,
): Pick<GitLab, 'notes' | 'recentNotes' | 'note' | 'createNote' | 'editNote' | 'awardNote'> {
  const notes = new MergeRequestNotes(options);
  const emojis = new MergeRequestNoteAwardEmojis(options);
  return {
    async notes(projectId, iid) {
      // Oldest first, so that a note that is written meanwhile moves none to another page.
      const found = notes.all(projectId, iid, { sort: 'asc', orderBy: 'created_at', perPage: 100 });
      return readList(note, found, `the notes of merge request !${iid}`);
    },

    async recentNotes(projectId, iid) {
      // With a page named, gitbeaker reads no other; its maxPages counts items, and GitLab's pages may be short.
      const found = notes.all(projectId, iid, { sort: 'desc', orderBy: 'created_at', perPage: RECENT, page: 1 });
      return (await readList(note, found, `the notes of merge request !${iid}`)).reverse();
    },

    async note(projectId, iid, noteId) {
      const found = await nullWhereMissing(notes.show(projectId, iid, noteId));
      return found === null ? null : readAnswer(note, found, `note ${noteId}`);
    },

    async createNote(projectId, iid, body) {
      const { status, data } = await notes.create(projectId, iid, body, { showExpanded: true });
      // 202: GitLab found nothing but quick actions in the text, ran them, and wrote no note.
      if (status === 202) {
        throw new GitLabError('invalid', 'GitLab took the whole note as quick actions and wrote none', { status });
      }
      return readAnswer(note, data, `the new note of merge request !${iid}`);
    },

    async editNote(projectId, iid, noteId, body) {
      const edited = await nullWhereMissing(notes.edit(projectId, iid, noteId, { body }));
      return edited === null ? null : readAnswer(note, edited, `note ${noteId}`);
    },

    async awardNote(projectId, iid, noteId, emoji) {
      try {
        await emojis.award(projectId, iid, noteId, emoji);
      } catch (error) {
        // GitLab answers 404 "Award Emoji Name has already been taken".
        if (!(error instanceof GitLabError && /already been taken/i.test(error.message))) throw error;
      }
    },
  };
}
