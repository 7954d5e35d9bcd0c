import { mergeCommits } from '../git/commit.ts';
import { resolveCommit, runGit } from '../git/git.ts';
import type { StandInGitLab } from '../stand-in.ts';
import type { MergeRequest } from '../state.ts';

/** Brings `refs/merge-requests/<iid>/head`, and where the project merges results `…/merge`, up to the merge request's head. */
export async function updateRefs(gitlab: StandInGitLab, mergeRequest: MergeRequest): Promise<void> {
  const target = gitlab.project(mergeRequest.projectId);
  const ref = `refs/merge-requests/${mergeRequest.iid}`;
  if (mergeRequest.sourceProjectId !== null && mergeRequest.sourceProjectId !== target.id) {
    const source = gitlab.project(mergeRequest.sourceProjectId);
    await runGit(target.repository, [
      'fetch',
      '--quiet',
      '--no-tags',
      source.repository,
      `+refs/heads/${mergeRequest.sourceBranch}:${ref}/head`,
    ]);
  } else {
    await runGit(target.repository, ['update-ref', `${ref}/head`, mergeRequest.sha]);
  }
  if (!target.mergedResults) return;
  const ours = await resolveCommit(target.repository, `refs/heads/${mergeRequest.targetBranch}`);
  const merged =
    ours &&
    (await mergeCommits(target.repository, {
      ours,
      theirs: mergeRequest.sha,
      message: `Merge ${mergeRequest.sha} into ${ours}`,
      author: gitlab.user(mergeRequest.authorId),
      timeMs: gitlab.now(),
    }));
  // A conflict: GitLab then runs a pipeline for the head alone.
  await runGit(
    target.repository,
    merged ? ['update-ref', `${ref}/merge`, merged] : ['update-ref', '-d', `${ref}/merge`],
  );
}
