import { deploymentFields, type Log, mergeRequestFields } from '../log.ts';
import type { EventRow } from '../store/schema.ts';
import type { Store } from '../store/store.ts';

/** Whoever decides these writes the line too, since it says more than the event: the kind of a repair, the tries, the reason. */
const TOLD = new Set([
  'environment-out-of-reach',
  'repaired',
  'not-removed',
  'not-redeployed',
  'unreadable',
  'readable',
]);

/** One line for each event: what the service decided, with the ids of what it decided about. */
export function logEvents(store: Store, log: Log): void {
  store.onEvent((event) => {
    if (TOLD.has(event.type)) return;
    log.info({ decision: event.type, ...idsOf(store, event) }, event.message);
  });
}

function idsOf(store: Store, event: EventRow) {
  const deployment = event.deploymentId === null ? undefined : store.deployments.get(event.deploymentId);
  const revision = event.revisionId === null ? undefined : store.revisions.get(event.revisionId);
  if (deployment) return deploymentFields(deployment, revision);
  const mergeRequest = event.mergeRequestId === null ? undefined : store.mergeRequests.get(event.mergeRequestId);
  return mergeRequest ? mergeRequestFields(mergeRequest) : {};
}
