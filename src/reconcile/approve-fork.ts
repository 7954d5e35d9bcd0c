import type { CommentOutcome } from '../deployment/commands.ts';
import { approvalsIn, type ForkPolicy, isFork, mayRun, namesCommit } from '../deployment/forks.ts';
import type { GitLab } from '../gitlab/gitlab.ts';
import { approveCommit } from '../store/approve.ts';
import type { MergeRequestRow } from '../store/schema.ts';
import type { Store } from '../store/store.ts';
import { requestRedeploy } from '../store/want.ts';

interface ForkContext {
  readonly store: Store;
  readonly gitlab: GitLab;
  readonly now: () => number;
  readonly forks: ForkPolicy;
}

/**
 * `/deploy` in a merge request from a fork, by somebody who may. With a commit it approves that commit, which must be the head as it was
 * read just now; without one it runs again what is approved, and approves nothing. To be called in a transaction.
 *
 * @returns null where what comes of it is known once the request to run again was acted on
 */
export function deployFork(
  context: Pick<ForkContext, 'store' | 'now' | 'forks'>,
  row: MergeRequestRow,
  asked: {
    readonly argument: string;
    readonly by: string;
    /** Deployments of which nothing newer was asked for since the comment was written: only these are run again because of it. */
    readonly current: readonly number[];
  },
): CommentOutcome | null {
  const { store, now } = context;
  const { argument, by, current } = asked;
  if (context.forks === 'never') return 'no-forks';
  if (row.state !== 'opened' && row.state !== 'locked') return 'not-open';
  if (argument !== '' && !namesCommit(argument, row.headSha)) return 'wrong-commit';
  const apps = store.deployments
    .ofMergeRequest(row.id)
    .map((deployment) => ({ deployment, latest: store.revisions.latest(deployment.id) }));
  if (argument === '' && apps.some(({ latest }) => latest && !mayRun(row, latest.commit.sha, context.forks)))
    return 'needs-approval';
  // An approval counts whenever it was written: it is for one commit, and what was held is on its way by it.
  if (argument !== '') approveCommit(store, row.id, { sha: row.headSha, by, now: now() });
  const again = apps.filter(
    ({ deployment, latest }) =>
      current.includes(deployment.id) &&
      latest &&
      latest.state !== 'held' &&
      (argument === '' || latest.commit.sha === row.headSha),
  );
  for (const { deployment } of again) requestRedeploy(store, deployment, { by, now: now() });
  if (again.length > 0) return null;
  if (argument !== '') return 'taken';
  return apps.length > 0 ? 'overtaken' : 'no-bundle';
}

/** Comments that approve what is held, and of which no webhook told: from before its first pipeline, or while the service was away. */
export async function findApprovals(context: ForkContext, row: MergeRequestRow): Promise<void> {
  const { store, gitlab } = context;
  if (context.forks === 'never' || !isFork(row) || row.approvedSha === row.headSha) return;
  const held = store.deployments.ofMergeRequest(row.id).some(({ id }) => {
    const latest = store.revisions.latest(id);
    return latest?.state === 'held' && latest.commit.sha === row.headSha;
  });
  if (!held) return;
  const own = (await gitlab.ownUser()).id;
  const notes = await gitlab.notes(row.projectId, row.iid);
  for (const { id } of approvalsIn(notes, { sha: row.headSha, own })) store.comments.add(row.id, id, context.now());
}
