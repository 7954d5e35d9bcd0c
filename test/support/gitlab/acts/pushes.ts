import { commitFiles, type FileChange } from '../git/commit.ts';
import { resolveCommit, runGit } from '../git/git.ts';
import type { StandInGitLab } from '../stand-in.ts';
import type { MergeRequest, Pipeline, Project, User } from '../state.ts';
import { addSystemNote, announceMergeRequest, announcePush } from './announce.ts';
import { updateRefs } from './merge-refs.ts';
import { runPipeline } from './merge-requests.ts';

export interface PushOptions {
  readonly files?: Readonly<Record<string, FileChange>>;
  readonly message?: string;
  readonly author: User;
  /** Branch or sha that a new branch starts from; default: the default branch. */
  readonly from?: string;
  /** Starts the commit at this revision instead of the branch's head: a force push. */
  readonly force?: string;
}

export interface PushResult {
  readonly sha: string;
  /** Zeros for a new branch. */
  readonly before: string;
  /** Pipelines that the push made: those of merge requests first. */
  readonly pipelines: readonly Pipeline[];
}

const ZEROS = '0'.repeat(40);

export async function push(
  gitlab: StandInGitLab,
  project: Project,
  options: PushOptions & { readonly branch: string },
): Promise<PushResult> {
  const ref = `refs/heads/${options.branch}`;
  const before = await resolveCommit(project.repository, ref);
  const start = options.force ?? before ?? options.from ?? project.defaultBranch;
  const sha = await commitFiles(project.repository, {
    ref,
    parent: await resolveCommit(project.repository, start),
    files: options.files ?? {},
    message: options.message ?? `Update ${Object.keys(options.files ?? {}).join(', ') || options.branch}`,
    author: options.author,
    timeMs: gitlab.now(),
  });
  const pipelines = await branchMoved(gitlab, project, {
    branch: options.branch,
    before: before ?? ZEROS,
    sha,
    user: options.author,
  });
  return { sha, before: before ?? ZEROS, pipelines };
}

/** What follows once a branch has a new head. */
export async function branchMoved(
  gitlab: StandInGitLab,
  project: Project,
  move: { readonly branch: string; readonly before: string; readonly sha: string; readonly user: User },
): Promise<Pipeline[]> {
  await announcePush(gitlab, project, { branch: move.branch, before: move.before, after: move.sha, user: move.user });
  const pipelines: Pipeline[] = [];
  for (const mergeRequest of openFrom(gitlab, project, move.branch)) {
    mergeRequest.sha = move.sha;
    mergeRequest.updatedAt = gitlab.time();
    await updateRefs(gitlab, mergeRequest);
    addSystemNote(gitlab, mergeRequest, { user: move.user, body: `added 1 commit\n\n* ${move.sha.slice(0, 8)}` });
    await announceMergeRequest(gitlab, mergeRequest, { action: 'update', user: move.user, oldrev: move.before });
    const pipeline = await runPipeline(gitlab, mergeRequest, { user: move.user });
    if (pipeline) pipelines.push(pipeline);
  }
  const pipeline = await gitlab.onBranchPipeline?.(project, move.branch, move.user);
  if (pipeline) pipelines.push(pipeline);
  return pipelines;
}

export async function deleteBranch(
  gitlab: StandInGitLab,
  project: Project,
  options: { readonly branch: string; readonly author: User },
): Promise<void> {
  const before = await resolveCommit(project.repository, `refs/heads/${options.branch}`);
  if (before === null) throw new Error(`${project.path} has no branch ${options.branch}.`);
  await runGit(project.repository, ['update-ref', '-d', `refs/heads/${options.branch}`]);
  await announcePush(gitlab, project, { branch: options.branch, before, after: ZEROS, user: options.author });
}

function openFrom(gitlab: StandInGitLab, project: Project, branch: string): MergeRequest[] {
  return gitlab.state.mergeRequests.filter(
    (mergeRequest) =>
      mergeRequest.state === 'opened' &&
      mergeRequest.sourceProjectId === project.id &&
      mergeRequest.sourceBranch === branch,
  );
}
