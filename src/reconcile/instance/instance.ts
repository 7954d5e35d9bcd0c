import type { RevisionRow } from '../../store/schema.ts';
import { again, DONE, lookAgain, type Reconciler, type Result } from '../reconciler.ts';
import { launchRevision, watchRevision } from './advance.ts';
import type { InstanceContext } from './context.ts';
import { holdRevision } from './forks.ts';
import { lookNow } from './news.ts';
import { recordSuperseded } from './record.ts';
import { removeDeployment, retireRevision } from './retire.ts';

/**
 * Makes a deployment's instances what is wanted: the latest revision comes up beside the one that serves, gets the traffic when it is
 * healthy, and the one before goes when its requests have ended. Each pass reads all of it afresh and does one step for each revision.
 */
export function instanceReconciler(context: InstanceContext): Reconciler {
  const { store } = context;
  context.runtime.onNews?.((instance) => lookNow(context, instance));
  return {
    kind: 'instance',
    async reconcile(id) {
      const deployment = store.deployments.get(id);
      if (!deployment) return DONE;
      const revisions = store.revisions.current(id);
      if (deployment.wanted === 'stopped') return removeDeployment(context, deployment, revisions);
      const latest = revisions.at(-1);
      if (!latest) return DONE;

      const steps: Array<Promise<Result>> = [];
      for (const revision of revisions) {
        const current = revision.id === latest.id || revision.id === deployment.liveRevisionId;
        if (revision.id !== latest.id && !current && isUndecided(revision))
          recordSuperseded(context, revision, `a newer push is there (${latest.commit.sha.slice(0, 8)}).`);
        if (!current || revision.state === 'failed') {
          if (revision.instanceState === 'present') steps.push(retireRevision(context, revision));
        } else if (revision.state === 'held') holdRevision(context, deployment, revision);
        else if (revision.state === 'queued') steps.push(launchRevision(context, deployment, revision));
        else if (revision.instanceState === 'present') steps.push(watchRevision(context, deployment, revision));
      }
      return soonest(await allOf(steps));
    },
  };
}

function isUndecided(revision: RevisionRow): boolean {
  return revision.state === 'held' || revision.state === 'queued' || revision.state === 'starting';
}

/** Waits for all of them, also where one fails: passes of one deployment must not overlap. */
async function allOf(steps: ReadonlyArray<Promise<Result>>): Promise<Result[]> {
  const ended = await Promise.allSettled(steps);
  return ended.map((end) => {
    if (end.status === 'rejected') throw end.reason;
    return end.value;
  });
}

function soonest(results: readonly Result[]): Result {
  const waits = results.flatMap((result) => ('againAfterMs' in result ? [result] : []));
  if (waits.length === 0) return DONE;
  const ms = Math.min(...waits.map(({ againAfterMs }) => againAfterMs));
  return waits.every(({ settled }) => settled) ? lookAgain(ms) : again(ms);
}
