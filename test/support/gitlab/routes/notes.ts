import { announceEmoji } from '../acts/announce.ts';
import { awardNote, createNote, deleteNote, editNote, findNote } from '../acts/notes.ts';
import { ApiRefusal } from '../api-refusal.ts';
import { paginate } from './paginate.ts';
import { presentEmoji, presentNote } from './present.ts';
import {
  type Call,
  created,
  forbidden,
  MAINTAINER,
  mergeRequestOfCall,
  numberOf,
  ok,
  REPORTER,
  type Route,
  textOf,
} from './route.ts';

const list = '/projects/{id}/merge_requests/{merge_request_iid}/notes';
const one = `${list}/{note_id}`;
const awards = `${one}/award_emoji`;

const noteOf = (call: Call) => findNote(mergeRequestOfCall(call), numberOf(call, 'note_id'));

/** Authors change their own notes, Maintainers all (`admin_note`); nobody changes those of the system. */
function requireAdmin(call: Call): void {
  const note = noteOf(call);
  if (
    note.system ||
    (note.authorId !== call.user.id && call.gitlab.accessLevel(call.project, call.user.id) < MAINTAINER)
  )
    throw forbidden();
}

export const noteRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: list,
    level: REPORTER,
    handle: (call) => {
      const mergeRequest = mergeRequestOfCall(call);
      const filter = textOf(call, 'activity_filter') ?? 'all_notes';
      const key = textOf(call, 'order_by') === 'updated_at' ? 'updatedAt' : 'createdAt';
      const found = mergeRequest.notes
        .filter(({ system }) => filter === 'all_notes' || system === (filter === 'only_activity'))
        .sort((a, b) => a[key].localeCompare(b[key]) || a.id - b.id);
      if (textOf(call, 'sort') !== 'asc') found.reverse();
      return paginate(call, found, {
        path: `/projects/${call.project.id}/merge_requests/${mergeRequest.iid}/notes`,
        present: (note) => presentNote(call.gitlab, mergeRequest, note),
      });
    },
  },
  {
    method: 'POST',
    path: list,
    level: REPORTER,
    handle: async (call) => {
      const mergeRequest = mergeRequestOfCall(call);
      const outcome = await createNote(call.gitlab, mergeRequest, {
        user: call.user,
        body: textOf(call, 'body') ?? '',
      });
      switch (outcome.kind) {
        case 'note':
          return created(presentNote(call.gitlab, mergeRequest, outcome.note));
        case 'commands':
          return { status: 202, body: { commands_changes: outcome.changes, summary: [] } };
        case 'award':
          return created(presentEmoji(call.gitlab, outcome.emoji, { id: mergeRequest.id, type: 'MergeRequest' }));
        default:
          return outcome satisfies never;
      }
    },
  },
  {
    method: 'GET',
    path: one,
    level: REPORTER,
    handle: (call) => ok(presentNote(call.gitlab, mergeRequestOfCall(call), noteOf(call))),
  },
  {
    method: 'PUT',
    path: one,
    level: REPORTER,
    handle: async (call) => {
      requireAdmin(call);
      const mergeRequest = mergeRequestOfCall(call);
      const options = { noteId: numberOf(call, 'note_id'), user: call.user, body: textOf(call, 'body') ?? '' };
      const note = await editNote(call.gitlab, mergeRequest, options);
      if (!note) throw new ApiRefusal(404, { message: '404 Note Not Found' });
      return ok(presentNote(call.gitlab, mergeRequest, note));
    },
  },
  {
    method: 'DELETE',
    path: one,
    level: REPORTER,
    handle: (call) => {
      requireAdmin(call);
      deleteNote(mergeRequestOfCall(call), numberOf(call, 'note_id'));
      return { status: 204 };
    },
  },
  {
    method: 'GET',
    path: awards,
    level: REPORTER,
    handle: (call) => {
      const note = noteOf(call);
      return paginate(call, note.emojis, {
        path: `/projects/${call.project.id}/merge_requests/${call.params.merge_request_iid}/notes/${note.id}/award_emoji`,
        present: (emoji) => presentEmoji(call.gitlab, emoji, { id: note.id, type: 'Note' }),
      });
    },
  },
  {
    method: 'POST',
    path: awards,
    level: REPORTER,
    handle: async (call) => {
      const noteId = numberOf(call, 'note_id');
      const emoji = await awardNote(call.gitlab, mergeRequestOfCall(call), {
        noteId,
        user: call.user,
        emoji: textOf(call, 'name') ?? '',
      });
      return created(presentEmoji(call.gitlab, emoji, { id: noteId, type: 'Note' }));
    },
  },
  {
    method: 'DELETE',
    path: `${awards}/{award_id}`,
    level: REPORTER,
    handle: async (call) => {
      const note = noteOf(call);
      const emoji = note.emojis.find(({ id }) => id === numberOf(call, 'award_id'));
      if (!emoji) throw new ApiRefusal(404, { message: '404 Award Emoji Not Found' });
      if (emoji.userId !== call.user.id) throw forbidden();
      note.emojis = note.emojis.filter((other) => other !== emoji);
      await announceEmoji(call.gitlab, mergeRequestOfCall(call), { note, emoji, action: 'revoke', user: call.user });
      return { status: 204 };
    },
  },
];
