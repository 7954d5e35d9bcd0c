import { ApiRefusal } from '../api-refusal.ts';
import { mergeCommits } from '../git/commit.ts';
import { resolveCommit, runGit } from '../git/git.ts';
import type { Readers } from '../readers.ts';
import type { StandInGitLab } from '../stand-in.ts';
import type { MergeRequest, Pipeline, Project, StateEvent, User } from '../state.ts';
import { addSystemNote, announceMergeRequest } from './announce.ts';
import { stopEnvironmentsOf } from './environments.ts';
import { updateRefs } from './merge-refs.ts';
import type { ProjectRef } from './projects.ts';
import { branchMoved, deleteBranch } from './pushes.ts';

export interface OpenOptions {
  readonly sourceBranch: string;
  /** Default: the default branch. */
  readonly targetBranch?: string;
  /** `Draft: …` makes it a draft. Default: the source branch. */
  readonly title?: string;
  readonly description?: string;
  readonly author: User;
  /** Fork that the source branch is in. */
  readonly sourceProject?: ProjectRef;
  readonly labels?: readonly string[];
}

export interface Changes {
  readonly title?: string;
  readonly description?: string;
  readonly labels?: readonly string[];
  readonly targetBranch?: string;
  /** Approves or takes the approval back. */
  readonly approved?: boolean;
}

export function findMergeRequest(gitlab: Readers, project: Project, key: { readonly iid: number }): MergeRequest {
  const found = gitlab.state.mergeRequests.find(({ projectId, iid }) => projectId === project.id && iid === key.iid);
  if (!found) throw new Error(`${project.path} has no merge request !${key.iid}.`);
  return found;
}

export async function openMergeRequest(
  gitlab: StandInGitLab,
  project: Project,
  options: OpenOptions,
): Promise<MergeRequest> {
  const source = gitlab.project(options.sourceProject ?? project);
  const sha = await resolveCommit(source.repository, `refs/heads/${options.sourceBranch}`);
  if (sha === null) throw new Error(`${source.path} has no branch ${options.sourceBranch}.`);
  const title = options.title ?? options.sourceBranch;
  const time = gitlab.time();
  const mergeRequest: MergeRequest = {
    id: gitlab.nextId(),
    iid:
      Math.max(
        0,
        ...gitlab.state.mergeRequests.filter(({ projectId }) => projectId === project.id).map(({ iid }) => iid),
      ) + 1,
    projectId: project.id,
    sourceProjectId: source.id,
    sourceBranch: options.sourceBranch,
    targetBranch: options.targetBranch ?? project.defaultBranch,
    title,
    description: options.description ?? '',
    draft: isDraft(title),
    state: 'opened',
    sha,
    authorId: options.author.id,
    notes: [],
    labels: [...(options.labels ?? [])],
    emojis: [],
    approvedBy: [],
    createdAt: time,
    updatedAt: time,
    mergedAt: null,
    closedAt: null,
    mergeCommitSha: null,
    stateEvents: [],
  };
  gitlab.state.mergeRequests.push(mergeRequest);
  await updateRefs(gitlab, mergeRequest);
  await announceMergeRequest(gitlab, mergeRequest, { action: 'open', user: options.author });
  await runPipeline(gitlab, mergeRequest, { user: options.author });
  return mergeRequest;
}

/** GitLab makes merge-request pipelines for open ones only. */
export async function runPipeline(
  gitlab: StandInGitLab,
  mergeRequest: MergeRequest,
  options: { readonly user: User },
): Promise<Pipeline | null> {
  if (mergeRequest.state !== 'opened') return null;
  return (await gitlab.onMergeRequestPipeline?.(mergeRequest, options.user)) ?? null;
}

export async function closeMergeRequest(
  gitlab: StandInGitLab,
  mergeRequest: MergeRequest,
  options: { readonly user: User },
): Promise<void> {
  requireState(mergeRequest, 'opened');
  mergeRequest.state = 'closed';
  mergeRequest.closedAt = mergeRequest.updatedAt = gitlab.time();
  recordState(gitlab, mergeRequest, { user: options.user, state: 'closed' });
  await announceMergeRequest(gitlab, mergeRequest, { action: 'close', user: options.user });
  await stopEnvironmentsOf(gitlab, mergeRequest, options.user);
}

export async function reopenMergeRequest(
  gitlab: StandInGitLab,
  mergeRequest: MergeRequest,
  options: { readonly user: User },
): Promise<void> {
  requireState(mergeRequest, 'closed');
  mergeRequest.state = 'opened';
  mergeRequest.closedAt = null;
  mergeRequest.updatedAt = gitlab.time();
  const source = gitlab.project(mergeRequest.sourceProjectId ?? mergeRequest.projectId);
  // Pushes to a closed merge request's branch do not move its head until it is open again.
  mergeRequest.sha =
    (await resolveCommit(source.repository, `refs/heads/${mergeRequest.sourceBranch}`)) ?? mergeRequest.sha;
  await updateRefs(gitlab, mergeRequest);
  recordState(gitlab, mergeRequest, { user: options.user, state: 'reopened' });
  await announceMergeRequest(gitlab, mergeRequest, { action: 'reopen', user: options.user });
}

export async function mergeMergeRequest(
  gitlab: StandInGitLab,
  mergeRequest: MergeRequest,
  options: { readonly user: User; readonly removeSourceBranch?: boolean },
): Promise<void> {
  requireState(mergeRequest, 'opened');
  const target = gitlab.project(mergeRequest.projectId);
  const ref = `refs/heads/${mergeRequest.targetBranch}`;
  const ours = await resolveCommit(target.repository, ref);
  const merged =
    ours &&
    (await mergeCommits(target.repository, {
      ours,
      theirs: mergeRequest.sha,
      message: `Merge branch '${mergeRequest.sourceBranch}' into '${mergeRequest.targetBranch}'\n\n${mergeRequest.title}`,
      author: options.user,
      timeMs: gitlab.now(),
    }));
  if (!ours || !merged) throw new ApiRefusal(422, { message: 'Branch cannot be merged' });
  await runGit(target.repository, ['update-ref', ref, merged, ours]);
  mergeRequest.state = 'merged';
  mergeRequest.mergedAt = mergeRequest.updatedAt = gitlab.time();
  mergeRequest.mergeCommitSha = merged;
  recordState(gitlab, mergeRequest, { user: options.user, state: 'merged' });
  await announceMergeRequest(gitlab, mergeRequest, { action: 'merge', user: options.user });
  await stopEnvironmentsOf(gitlab, mergeRequest, options.user);
  await branchMoved(gitlab, target, {
    branch: mergeRequest.targetBranch,
    before: ours,
    sha: merged,
    user: options.user,
  });
  if (options.removeSourceBranch) {
    const source = gitlab.project(mergeRequest.sourceProjectId ?? target);
    await deleteBranch(gitlab, source, { branch: mergeRequest.sourceBranch, author: options.user });
  }
}

export async function updateMergeRequest(
  gitlab: StandInGitLab,
  mergeRequest: MergeRequest,
  options: { readonly user: User; readonly changes: Changes },
): Promise<void> {
  const { user, changes } = options;
  const report: Record<string, unknown> = {};
  if (changes.title !== undefined && changes.title !== mergeRequest.title) {
    report.title = { previous: mergeRequest.title, current: changes.title };
    const draft = isDraft(changes.title);
    if (draft !== mergeRequest.draft) report.draft = { previous: mergeRequest.draft, current: draft };
    Object.assign(mergeRequest, { title: changes.title, draft });
  }
  if (changes.description !== undefined && changes.description !== mergeRequest.description) {
    report.description = { previous: mergeRequest.description, current: changes.description };
    mergeRequest.description = changes.description;
  }
  if (changes.labels !== undefined) {
    const titles = (labels: readonly string[]) => labels.map((title) => ({ title }));
    report.labels = { previous: titles(mergeRequest.labels), current: titles(changes.labels) };
    mergeRequest.labels = [...changes.labels];
  }
  if (changes.targetBranch !== undefined && changes.targetBranch !== mergeRequest.targetBranch) {
    report.target_branch = { previous: mergeRequest.targetBranch, current: changes.targetBranch };
    mergeRequest.targetBranch = changes.targetBranch;
    await updateRefs(gitlab, mergeRequest);
  }
  if (Object.keys(report).length > 0) {
    mergeRequest.updatedAt = gitlab.time();
    await announceMergeRequest(gitlab, mergeRequest, { action: 'update', user, changes: report });
  }
  if (changes.approved !== undefined) {
    mergeRequest.approvedBy = mergeRequest.approvedBy.filter((id) => id !== user.id);
    if (changes.approved) mergeRequest.approvedBy.push(user.id);
    await announceMergeRequest(gitlab, mergeRequest, { action: changes.approved ? 'approved' : 'unapproved', user });
  }
}

/** In GitLab one record is both: the event of the API, and the remark among the notes. */
function recordState(
  gitlab: StandInGitLab,
  mergeRequest: MergeRequest,
  event: { readonly user: User; readonly state: StateEvent['state'] },
): void {
  const { user, state } = event;
  mergeRequest.stateEvents.push({ id: gitlab.nextId(), state, userId: user.id, createdAt: gitlab.time() });
  addSystemNote(gitlab, mergeRequest, { user, body: state });
}

const isDraft = (title: string) => /^\s*(\[draft\]|\(draft\)|draft:)/i.test(title);

function requireState(mergeRequest: MergeRequest, state: MergeRequest['state']): void {
  if (mergeRequest.state === state) return;
  throw new ApiRefusal(405, { message: `Merge request !${mergeRequest.iid} is ${mergeRequest.state}, not ${state}.` });
}
