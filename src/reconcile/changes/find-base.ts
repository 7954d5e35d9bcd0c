import type { CommitFacts } from '../../deployment/gitlab-facts.ts';
import { type ChangesContext, type Subject, UnknownChanges } from './context.ts';

/**
 * The commit that a revision is compared with (`changes: compare_with`).
 *
 * Of a merged-results pipeline the code is the merge of two commits: what the branch changes is what the merge adds to the target's side.
 * @throws UnknownChanges where there is none
 */
export async function findBase(context: ChangesContext, { deployment, revision }: Subject): Promise<CommitFacts> {
  const { gitlab, store } = context;
  const { projectId } = deployment;
  const mergeRequest = store.mergeRequests.get(deployment.mergeRequestId);
  const target = mergeRequest?.targetBranch ?? '';
  const { commit, spec } = revision;
  const wanted = (spec.preset === 'dagster' ? spec.changes?.compareWith : undefined) ?? 'merge-base';
  switch (wanted) {
    case 'merge-base': {
      if (commit.mergedInto !== undefined) return gitlab.commit(projectId, commit.mergedInto);
      const found = await gitlab.mergeBase(projectId, commit.sha, target);
      return found ?? unknown(`The branch and ${target} have no commit in common.`);
    }
    case 'on-create': {
      const first = store.changes.firstBase(deployment.id);
      return first ? gitlab.commit(projectId, first.sha) : headOf(target);
    }
    case 'target':
    case 'on-update':
      return headOf(target);
    default: {
      const name = wanted.replace(/^environment:/, '');
      const sha = await gitlab.deployedCommit(projectId, name);
      if (sha === null)
        return unknown(
          `Nothing is deployed to the environment ${name}, which it is to be compared with (compare_with).`,
        );
      return gitlab.commit(projectId, sha);
    }
  }

  async function headOf(branch: string): Promise<CommitFacts> {
    return (await gitlab.branchHead(projectId, branch)) ?? unknown(`There is no branch ${branch} to compare it with.`);
  }
}

function unknown(reason: string): never {
  throw new UnknownChanges(reason);
}
