import { readCommit } from '../git/read-commit.ts';
import type { StandInGitLab } from '../stand-in.ts';
import type { Emoji, MergeRequest, Note, Project, User } from '../state.ts';
import { mergeRequestUrl, projectPart, userPart } from './records.ts';

export type MergeRequestAction = 'open' | 'close' | 'reopen' | 'update' | 'approved' | 'unapproved' | 'merge';

const stamp = (time: string) => time.replace('T', ' ').replace(/\.\d+Z$/, ' UTC');

async function mergeRequestPart(gitlab: StandInGitLab, mergeRequest: MergeRequest): Promise<Record<string, unknown>> {
  const target = gitlab.project(mergeRequest.projectId);
  const source = gitlab.state.projects.find(({ id }) => id === mergeRequest.sourceProjectId);
  const commit = await readCommit(target.repository, mergeRequest.sha);
  return {
    id: mergeRequest.id,
    iid: mergeRequest.iid,
    title: mergeRequest.title,
    description: mergeRequest.description,
    state: mergeRequest.state,
    draft: mergeRequest.draft,
    work_in_progress: mergeRequest.draft,
    author_id: mergeRequest.authorId,
    assignee_ids: [],
    reviewer_ids: [],
    created_at: stamp(mergeRequest.createdAt),
    updated_at: stamp(mergeRequest.updatedAt),
    source_branch: mergeRequest.sourceBranch,
    source_project_id: mergeRequest.sourceProjectId,
    target_branch: mergeRequest.targetBranch,
    target_project_id: mergeRequest.projectId,
    merge_status: 'can_be_merged',
    detailed_merge_status: 'mergeable',
    merge_commit_sha: mergeRequest.mergeCommitSha,
    head_pipeline_id: null,
    blocking_discussions_resolved: true,
    labels: mergeRequest.labels.map((title) => ({ title })),
    url: mergeRequestUrl(gitlab, mergeRequest),
    source: source ? projectPart(gitlab, source) : null,
    target: projectPart(gitlab, target),
    last_commit: {
      id: commit.sha,
      message: commit.message,
      title: commit.message.split('\n')[0],
      timestamp: commit.committedAt,
      url: `${gitlab.url}/${target.path}/-/commit/${commit.sha}`,
      author: { name: commit.authorName, email: '[REDACTED]' },
    },
  };
}

/** Merge Request Hook; `oldrev` only where the code changed. */
export async function mergeRequestPayload(
  gitlab: StandInGitLab,
  mergeRequest: MergeRequest,
  event: {
    readonly action: MergeRequestAction;
    readonly user: User;
    readonly oldrev?: string;
    readonly changes?: Record<string, unknown>;
  },
): Promise<Record<string, unknown>> {
  const project = gitlab.project(mergeRequest.projectId);
  return {
    object_kind: 'merge_request',
    event_type: 'merge_request',
    user: userPart(event.user),
    project: projectPart(gitlab, project),
    object_attributes: {
      ...(await mergeRequestPart(gitlab, mergeRequest)),
      action: event.action,
      ...(event.oldrev !== undefined && { oldrev: event.oldrev }),
    },
    labels: mergeRequest.labels.map((title) => ({ title })),
    changes: event.changes ?? {},
    repository: { name: project.name, homepage: `${gitlab.url}/${project.path}` },
  };
}

/** Note Hook. */
export async function notePayload(
  gitlab: StandInGitLab,
  mergeRequest: MergeRequest,
  event: { readonly note: Note; readonly action: 'create' | 'update'; readonly user: User },
): Promise<Record<string, unknown>> {
  const project = gitlab.project(mergeRequest.projectId);
  const { note } = event;
  return {
    object_kind: 'note',
    event_type: 'note',
    user: userPart(event.user),
    project_id: project.id,
    project: projectPart(gitlab, project),
    object_attributes: {
      id: note.id,
      note: note.body,
      description: note.body,
      noteable_type: 'MergeRequest',
      noteable_id: mergeRequest.id,
      author_id: note.authorId,
      project_id: project.id,
      created_at: stamp(note.createdAt),
      updated_at: stamp(note.updatedAt),
      system: note.system,
      internal: false,
      type: null,
      action: event.action,
      url: `${mergeRequestUrl(gitlab, mergeRequest)}#note_${note.id}`,
    },
    repository: { name: project.name, homepage: `${gitlab.url}/${project.path}` },
    merge_request: await mergeRequestPart(gitlab, mergeRequest),
  };
}

/** Emoji Hook, for a note. */
export async function emojiPayload(
  gitlab: StandInGitLab,
  mergeRequest: MergeRequest,
  event: { readonly note: Note; readonly emoji: Emoji; readonly action: 'award' | 'revoke'; readonly user: User },
): Promise<Record<string, unknown>> {
  const project = gitlab.project(mergeRequest.projectId);
  return {
    object_kind: 'emoji',
    event_type: event.action,
    user: userPart(event.user),
    project_id: project.id,
    project: projectPart(gitlab, project),
    object_attributes: {
      id: event.emoji.id,
      name: event.emoji.name,
      user_id: event.user.id,
      awardable_type: 'Note',
      awardable_id: event.note.id,
      action: event.action,
      awarded_on_url: `${mergeRequestUrl(gitlab, mergeRequest)}#note_${event.note.id}`,
    },
    note: { id: event.note.id, note: event.note.body, noteable_type: 'MergeRequest', author_id: event.note.authorId },
    merge_request: await mergeRequestPart(gitlab, mergeRequest),
  };
}

/** Push Hook. */
export async function pushPayload(
  gitlab: StandInGitLab,
  project: Project,
  event: { readonly branch: string; readonly before: string; readonly after: string; readonly user: User },
): Promise<Record<string, unknown>> {
  const deleted = /^0+$/.test(event.after);
  const commit = deleted ? null : await readCommit(project.repository, event.after);
  return {
    object_kind: 'push',
    event_name: 'push',
    before: event.before,
    after: event.after,
    ref: `refs/heads/${event.branch}`,
    ref_protected: event.branch === project.defaultBranch,
    checkout_sha: deleted ? null : event.after,
    message: null,
    user_id: event.user.id,
    user_name: event.user.name,
    user_username: event.user.username,
    user_email: '',
    user_avatar: null,
    project_id: project.id,
    project: projectPart(gitlab, project),
    commits: commit
      ? [
          {
            id: commit.sha,
            message: commit.message,
            title: commit.message.split('\n')[0],
            timestamp: commit.committedAt,
            url: `${gitlab.url}/${project.path}/-/commit/${commit.sha}`,
            author: { name: commit.authorName, email: commit.authorEmail },
            added: [],
            modified: [],
            removed: [],
          },
        ]
      : [],
    total_commits_count: commit ? 1 : 0,
    push_options: {},
    repository: { name: project.name, homepage: `${gitlab.url}/${project.path}` },
  };
}
