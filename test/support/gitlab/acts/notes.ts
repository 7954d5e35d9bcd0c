import { recordOutput } from '../../secret-search/output.ts';
import { ApiRefusal } from '../api-refusal.ts';
import type { StandInGitLab } from '../stand-in.ts';
import type { Emoji, MergeRequest, Note, User } from '../state.ts';
import { announceEmoji, announceNote } from './announce.ts';
import { findMentions } from './mentions.ts';
import { closeMergeRequest, mergeMergeRequest, reopenMergeRequest, updateMergeRequest } from './merge-requests.ts';
import { emojiOnly, extractQuickActions, type QuickAction } from './quick-actions.ts';

export interface ExecutedQuickAction extends QuickAction {
  readonly username: string;
  readonly projectId: number;
  readonly iid: number;
}

export type NoteOutcome =
  | { readonly kind: 'note'; readonly note: Note }
  /** Nothing but quick actions: no note is made. */
  | { readonly kind: 'commands'; readonly changes: Readonly<Record<string, unknown>> }
  /** Nothing but an emoji: an award on the merge request. */
  | { readonly kind: 'award'; readonly emoji: Emoji };

/** doc/api/notes.md: "Limited to 1,000,000 characters". */
const MAX_CHARACTERS = 1_000_000;

function checkBody(body: string): void {
  if (body.trim() === '') throw new ApiRefusal(400, { message: { note: ["can't be blank"] } });
  if ([...body].length > MAX_CHARACTERS)
    throw new ApiRefusal(400, { message: { note: ['is too long (maximum is 1000000 characters)'] } });
}

/** Writes a note as GitLab does: quick actions are executed and taken out, mentions are sent. */
export async function createNote(
  gitlab: StandInGitLab,
  mergeRequest: MergeRequest,
  options: { readonly user: User; readonly body: string },
): Promise<NoteOutcome> {
  checkBody(options.body);
  recordOutput('note', options.body);
  const award = emojiOnly(options.body);
  if (award !== null) {
    const emoji = { id: gitlab.nextId(), name: award, userId: options.user.id };
    mergeRequest.emojis.push(emoji);
    return { kind: 'award', emoji };
  }
  const { actions, text } = extractQuickActions(options.body);
  const time = gitlab.time();
  let note: Note | null = null;
  if (text !== '') {
    note = {
      id: gitlab.nextId(),
      body: text,
      authorId: options.user.id,
      system: false,
      createdAt: time,
      updatedAt: time,
      edits: 0,
      emojis: [],
    };
    mergeRequest.notes.push(note);
    recordMentions(gitlab, mergeRequest, note);
    await announceNote(gitlab, mergeRequest, { note, action: 'create', user: options.user });
  }
  const changes = await executeActions(gitlab, mergeRequest, { user: options.user, actions });
  return note ? { kind: 'note', note } : { kind: 'commands', changes };
}

/** Null where nothing but quick actions was left: GitLab deletes such a note. */
export async function editNote(
  gitlab: StandInGitLab,
  mergeRequest: MergeRequest,
  options: { readonly noteId: number; readonly user: User; readonly body: string },
): Promise<Note | null> {
  checkBody(options.body);
  recordOutput('note', options.body);
  const note = findNote(mergeRequest, options.noteId);
  const { actions, text } = extractQuickActions(options.body);
  note.edits += 1;
  if (text === '') {
    deleteNote(mergeRequest, note.id);
  } else {
    if (note.body !== text) note.updatedAt = gitlab.time();
    note.body = text;
    recordMentions(gitlab, mergeRequest, note);
    await announceNote(gitlab, mergeRequest, { note, action: 'update', user: options.user });
  }
  await executeActions(gitlab, mergeRequest, { user: options.user, actions });
  return text === '' ? null : note;
}

export function findNote(mergeRequest: MergeRequest, noteId: number): Note {
  const note = mergeRequest.notes.find(({ id }) => id === noteId);
  if (!note) throw new ApiRefusal(404, { message: '404 Note Not Found' });
  return note;
}

export function deleteNote(mergeRequest: MergeRequest, noteId: number): void {
  findNote(mergeRequest, noteId);
  mergeRequest.notes = mergeRequest.notes.filter(({ id }) => id !== noteId);
}

/** An emoji on a note; the same one by the same user is refused, as GitLab does. */
export async function awardNote(
  gitlab: StandInGitLab,
  mergeRequest: MergeRequest,
  options: { readonly noteId: number; readonly user: User; readonly emoji: string },
): Promise<Emoji> {
  const note = findNote(mergeRequest, options.noteId);
  if (!/^[a-z0-9_+-]+$/.test(options.emoji)) throw new ApiRefusal(400, { message: 'Name is not a valid emoji name' });
  if (note.emojis.some(({ name, userId }) => name === options.emoji && userId === options.user.id)) {
    throw new ApiRefusal(404, { message: '404 Award Emoji Name has already been taken Not Found' });
  }
  const emoji = { id: gitlab.nextId(), name: options.emoji, userId: options.user.id };
  note.emojis.push(emoji);
  await announceEmoji(gitlab, mergeRequest, { note, emoji, action: 'award', user: options.user });
  return emoji;
}

function recordMentions(gitlab: StandInGitLab, mergeRequest: MergeRequest, note: Note): void {
  for (const username of findMentions(note.body)) {
    gitlab.mentions.push({ username, projectId: mergeRequest.projectId, iid: mergeRequest.iid, noteId: note.id });
  }
}

/** Those without an effect on what the stand-in knows are recorded only. */
async function executeActions(
  gitlab: StandInGitLab,
  mergeRequest: MergeRequest,
  options: { readonly user: User; readonly actions: readonly QuickAction[] },
): Promise<Record<string, unknown>> {
  const { user } = options;
  const changes: Record<string, unknown> = {};
  for (const action of options.actions) {
    gitlab.quickActions.push({
      ...action,
      username: user.username,
      projectId: mergeRequest.projectId,
      iid: mergeRequest.iid,
    });
    try {
      Object.assign(changes, await execute(gitlab, mergeRequest, { user, action }));
    } catch (error) {
      // A command that cannot be done leaves the note as it is (a merge with a conflict).
      if (!(error instanceof ApiRefusal)) throw error;
    }
  }
  return changes;
}

async function execute(
  gitlab: StandInGitLab,
  mergeRequest: MergeRequest,
  options: { readonly user: User; readonly action: QuickAction },
): Promise<Record<string, unknown>> {
  const { user, action } = options;
  const update = (changes: Parameters<typeof updateMergeRequest>[2]['changes']) =>
    updateMergeRequest(gitlab, mergeRequest, { user, changes });
  const labels = [...action.argument.matchAll(/~(?:"([^"]+)"|(\S+))/g)].map((match) => match[1] ?? match[2] ?? '');
  switch (action.name) {
    case 'close':
      if (mergeRequest.state === 'opened') await closeMergeRequest(gitlab, mergeRequest, { user });
      return { state_event: 'close' };
    case 'reopen':
      if (mergeRequest.state === 'closed') await reopenMergeRequest(gitlab, mergeRequest, { user });
      return { state_event: 'reopen' };
    case 'merge':
      if (mergeRequest.state === 'opened') await mergeMergeRequest(gitlab, mergeRequest, { user });
      return { merge: mergeRequest.sha };
    case 'label':
    case 'labels':
      await update({ labels: [...new Set([...mergeRequest.labels, ...labels])] });
      return { add_label_ids: labels };
    case 'relabel':
      await update({ labels });
      return { label_ids: labels };
    case 'unlabel':
      await update({
        labels: labels.length === 0 ? [] : mergeRequest.labels.filter((label) => !labels.includes(label)),
      });
      return { remove_label_ids: labels };
    case 'title':
      await update({ title: action.argument });
      return { title: action.argument };
    case 'target_branch':
      await update({ targetBranch: action.argument });
      return { target_branch: action.argument };
    case 'draft':
      await update({ title: `Draft: ${mergeRequest.title}` });
      return { wip_event: 'draft' };
    case 'ready':
      await update({ title: mergeRequest.title.replace(/^\s*(\[draft\]|\(draft\)|draft:)\s*/i, '') });
      return { wip_event: 'ready' };
    case 'approve':
    case 'unapprove':
      await update({ approved: action.name === 'approve' });
      return { approved: action.name === 'approve' };
    default:
      return { [action.name]: action.argument };
  }
}
