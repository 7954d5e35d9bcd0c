import { mayRun } from '../../deployment/forks.ts';
import { deploymentFields } from '../../log.ts';
import { queueMoved } from '../../store/queue-news.ts';
import type { DeploymentRow, RevisionRow } from '../../store/schema.ts';
import type { InstanceContext } from './context.ts';
import { addEvent, recordPhase } from './record.ts';

/** Why a fork's code is not started, in a sentence. */
export function whyNot({ forks }: Pick<InstanceContext, 'forks'>): string {
  return forks === 'never'
    ? 'It comes from a fork, and code of forks does not run here (BD_FORKS=never).'
    : 'It comes from a fork, and its commit is not approved: a Developer of the project must comment /deploy with the commit.';
}

/** Asked before every start, from the rows as they are now: what was approved when the work began may not be any more. */
export function mayStart(context: InstanceContext, deployment: DeploymentRow, revision: RevisionRow): boolean {
  const mergeRequest = context.store.mergeRequests.get(deployment.mergeRequestId);
  return mayRun(mergeRequest, revision.commit.sha, context.forks);
}

/** A revision that nobody has approved waits outside of the queue; the one before goes on serving. */
export function holdRevision(context: InstanceContext, deployment: DeploymentRow, revision: RevisionRow): void {
  const { store } = context;
  store.transaction(() => {
    if (revision.state !== 'held') {
      store.revisions.update(revision.id, { state: 'held' });
      addEvent(context, deployment, 'held', `Revision ${revision.number} is not started. ${whyNot(context)}`);
      context.log.warn(
        { decision: 'held', ...deploymentFields(deployment, revision) },
        'a revision of a fork is not approved, and is not started',
      );
    }
    if (deployment.waitingSince !== null) {
      store.deployments.update(deployment.id, { waitingSince: null });
      queueMoved(store, context.now());
    }
    recordPhase(context, deployment.id);
  });
  context.logs.notify(revision.id);
}
