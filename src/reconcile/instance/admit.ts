import { admits, describePlace, nameHolders } from '../../deployment/admission.ts';
import { deploymentFields } from '../../log.ts';
import { queueMoved } from '../../store/queue-news.ts';
import type { DeploymentRow, RevisionRow } from '../../store/schema.ts';
import type { InstanceContext } from './context.ts';
import { recordPhase } from './record.ts';

/**
 * Asks for a place for a queued revision, in the transaction that launches it. Without one the deployment waits in the queue, from the
 * time at which the first revision without a place came: a newer push keeps the place in the queue.
 */
export function takePlace(context: InstanceContext, deployment: DeploymentRow, revision: RevisionRow): boolean {
  const { store, maxRunning, now } = context;
  const waits = deployment.waitingSince !== null;
  if (!waits) store.deployments.update(deployment.id, { waitingSince: revision.queuedAt });
  const house = store.places.house(maxRunning);
  if (admits(house, deployment.id)) {
    store.deployments.update(deployment.id, { waitingSince: null });
    if (waits) queueMoved(store, now());
    return true;
  }
  if (!waits) recordPhase(context, deployment.id);
  const place = describePlace(house, deployment);
  if (place === null) return false;
  const holders = nameHolders(place);
  sayOnce(
    context,
    revision,
    `Waiting for a place: number ${place.place} in the queue. ` +
      `${place.limit === 1 ? 'The one place is' : `All ${place.limit} places are`} taken${holders === '' ? '' : ` by ${holders}`}.`,
  );
  context.log.info(
    { decision: 'waits', ...deploymentFields(deployment, revision), place: place.place },
    'it waits for a place',
  );
  return false;
}

/** Nothing else is written to the log of a revision that waits, so its last line is what was said last. */
function sayOnce(context: InstanceContext, revision: RevisionRow, line: string): void {
  if (context.logs.tail(revision.id, 1)[0]?.endsWith(line)) return;
  context.logs.say(revision.id, line);
}
