import { messageOf } from '../../errors.ts';
import { ofDeployment } from '../reconciler.ts';
import type { InstanceContext } from './context.ts';

/**
 * Has an instance that is starting looked at now, and not after the wait of its last pass. Only a hint, as all events are: without it the
 * next look finds the same. One that serves is left to its own looks, whose pace also keeps it from being restarted in a rush.
 */
export function lookNow(context: InstanceContext, instance: string): void {
  const { store, log, now } = context;
  try {
    const revision = store.revisions.ofInstance(instance);
    if (revision?.state === 'starting') store.work.mark(ofDeployment(revision.deploymentId), 'instance', now());
  } catch (error) {
    log.debug({ instance, error: messageOf(error) }, 'news of an instance came to nothing');
  }
}
