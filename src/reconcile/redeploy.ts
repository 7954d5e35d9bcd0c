import type { CommentOutcome } from '../deployment/commands.ts';
import { withoutRedeploys } from '../deployment/redeploy.ts';
import type { DeploymentRow, MergeRequestRow, RevisionRow } from '../store/schema.ts';
import type { Store } from '../store/store.ts';
import { wantRevision } from '../store/want.ts';

export interface RedeployContext {
  readonly store: Store;
  readonly now: () => number;
  hasBundle(digest: string): Promise<boolean>;
}

/** Does what a recorded request asks for, once: the latest source of each app runs again. */
export async function redeploy(context: RedeployContext, row: MergeRequestRow): Promise<void> {
  const { store, now } = context;
  const request = row.redeploy;
  if (request === null) return;
  if (row.state !== 'opened' && row.state !== 'locked') return settle('not-open');
  const found = await redeployable(context, request.deploymentIds);
  store.transaction(() => {
    for (const { deployment, latest } of found) {
      wantRevision(store, deployment, {
        commit: latest.commit,
        pushedBy: latest.pushedBy,
        bundle: latest.bundle,
        spec: latest.spec,
        now: now(),
        why: `${request.by} asked for it`,
      });
    }
    settle(found.length > 0 ? 'taken' : 'no-bundle');
  });

  /** What was asked for meanwhile stays. */
  function settle(outcome: CommentOutcome): void {
    const open = store.mergeRequests.get(row.id)?.redeploy ?? null;
    const left = withoutRedeploys(open, request?.deploymentIds ?? []);
    store.mergeRequests.update(row.id, { redeploy: left });
    if (left === null) store.comments.settle(row.id, outcome);
  }
}

/** Those deployments whose latest source is still there. */
async function redeployable(
  context: RedeployContext,
  ids: readonly number[],
): Promise<Array<{ readonly deployment: DeploymentRow; readonly latest: RevisionRow }>> {
  const { store } = context;
  const found = [];
  for (const id of ids) {
    const deployment = store.deployments.get(id);
    const latest = store.revisions.latest(id);
    if (deployment && latest && (await context.hasBundle(latest.bundle))) found.push({ deployment, latest });
  }
  return found;
}
