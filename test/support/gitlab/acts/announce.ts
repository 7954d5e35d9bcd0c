import {
  emojiPayload,
  type MergeRequestAction,
  mergeRequestPayload,
  notePayload,
  pushPayload,
} from '../hooks/merge-request-payloads.ts';
import type { StandInGitLab } from '../stand-in.ts';
import type { Emoji, MergeRequest, Note, Project, User } from '../state.ts';

/** Merge Request Hook with the state of now. */
export async function announceMergeRequest(
  gitlab: StandInGitLab,
  mergeRequest: MergeRequest,
  event: {
    readonly action: MergeRequestAction;
    readonly user: User;
    readonly oldrev?: string;
    readonly changes?: Record<string, unknown>;
  },
): Promise<void> {
  if (!hasHooks(gitlab, mergeRequest.projectId)) return;
  const payload = await mergeRequestPayload(gitlab, mergeRequest, event);
  gitlab.emit({ projectId: mergeRequest.projectId, name: 'Merge Request Hook', payload });
}

/** Note Hook; the bot's own notes come back too. */
export async function announceNote(
  gitlab: StandInGitLab,
  mergeRequest: MergeRequest,
  event: { readonly note: Note; readonly action: 'create' | 'update'; readonly user: User },
): Promise<void> {
  if (!hasHooks(gitlab, mergeRequest.projectId)) return;
  gitlab.emit({
    projectId: mergeRequest.projectId,
    name: 'Note Hook',
    payload: await notePayload(gitlab, mergeRequest, event),
  });
}

export async function announceEmoji(
  gitlab: StandInGitLab,
  mergeRequest: MergeRequest,
  event: { readonly note: Note; readonly emoji: Emoji; readonly action: 'award' | 'revoke'; readonly user: User },
): Promise<void> {
  if (!hasHooks(gitlab, mergeRequest.projectId)) return;
  gitlab.emit({
    projectId: mergeRequest.projectId,
    name: 'Emoji Hook',
    payload: await emojiPayload(gitlab, mergeRequest, event),
  });
}

export async function announcePush(
  gitlab: StandInGitLab,
  project: Project,
  event: { readonly branch: string; readonly before: string; readonly after: string; readonly user: User },
): Promise<void> {
  if (!hasHooks(gitlab, project.id)) return;
  gitlab.emit({ projectId: project.id, name: 'Push Hook', payload: await pushPayload(gitlab, project, event) });
}

/** A note of GitLab's own ("added 1 commit"): no hook, no quick action. */
export function addSystemNote(
  gitlab: StandInGitLab,
  mergeRequest: MergeRequest,
  event: { readonly user: User; readonly body: string },
): void {
  const time = gitlab.time();
  mergeRequest.notes.push({
    id: gitlab.nextId(),
    body: event.body,
    authorId: event.user.id,
    system: true,
    createdAt: time,
    updatedAt: time,
    edits: 0,
    emojis: [],
  });
}

/** Payloads take a look into git: none is made where nobody listens. */
function hasHooks(gitlab: StandInGitLab, projectId: number): boolean {
  return gitlab.project(projectId).hooks.length > 0;
}
