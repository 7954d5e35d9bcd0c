import type { CommentOutcome } from '../deployment/commands.ts';
import { withoutRedeploys } from '../deployment/redeploy.ts';
import type { GitLab } from '../gitlab/gitlab.ts';
import { type Log, mergeRequestFields } from '../log.ts';
import type { MergeRequestRow } from '../store/schema.ts';
import type { Store } from '../store/store.ts';

export interface RedeployContext {
  readonly store: Store;
  readonly gitlab: GitLab;
  readonly log: Log;
  readonly now: () => number;
  /** How long GitLab's reads may lag behind what it did; ms. */
  readonly readLagMs: number;
  hasBundle(digest: string): Promise<boolean>;
}

/** Ends a request for some of its apps; what was asked for meanwhile stays. Comments learn of it when the whole is done. */
export function settle(
  context: Pick<RedeployContext, 'store' | 'now' | 'log'>,
  row: MergeRequestRow,
  end: { readonly done: readonly number[]; readonly outcome: CommentOutcome; readonly why?: string },
): void {
  const { store, now, log } = context;
  store.transaction(() => {
    const left = withoutRedeploys(store.mergeRequests.get(row.id)?.redeploy ?? null, end.done);
    store.mergeRequests.update(row.id, { redeploy: left });
    if (left === null) store.comments.settle(row.id, end.outcome);
    if (end.outcome === 'taken') return;
    for (const deploymentId of end.done) {
      const message = `It does not run again: ${end.why ?? WHY[end.outcome] ?? end.outcome}.`;
      store.events.add({ at: now(), type: 'not-redeployed', message, deploymentId, mergeRequestId: row.id });
    }
  });
  log.info({ decision: 'redeployed', ...mergeRequestFields(row), outcome: end.outcome, why: end.why }, 'a redeploy');
}

const WHY: Partial<Readonly<Record<CommentOutcome, string>>> = {
  'not-open': 'the merge request is not open',
  'needs-approval':
    'the merge request comes from a fork, and nobody has approved its commit with /deploy and the commit',
  fork: 'the merge request comes from a fork, and its code is not here any more: somebody must run its pipeline',
};
