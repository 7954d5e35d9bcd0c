import { deploymentFields, type Log, mergeRequestFields } from '../../log.ts';
import type { Store } from '../../store/store.ts';

/** What the sweep found and put right. */
export type Repair =
  | 'missed-webhook' // GitLab had moved on, and nobody had said so
  | 'environment' // an environment that was available or stopped against what is wanted
  | 'instance' // an instance that no revision has
  | 'data' // a deployment's data that no deployment has
  | 'bundle' // a bundle that no revision has
  | 'upload' // what an upload left half-made
  | 'base' // files of a base that nothing is compared with
  | 'log'; // a log that no revision has

/** Says that something was put right: an event for people, a line in the log, a count. */
export type TellRepair = (
  kind: Repair,
  message: string,
  about?: { readonly projectId?: number; readonly mergeRequestId?: number; readonly deploymentId?: number },
) => void;

/** @param options.onRepair for the metrics */
export function createRepairs(options: {
  readonly store: Store;
  readonly log: Log;
  readonly now: () => number;
  readonly onRepair?: ((kind: Repair) => void) | undefined;
}): TellRepair {
  const { store, log, now } = options;
  return (kind, message, { projectId, ...about } = {}) => {
    store.events.add({ at: now(), type: 'repaired', message, ...about });
    log.warn({ decision: 'repaired', repair: kind, ...idsOf(store, about, projectId) }, message);
    options.onRepair?.(kind);
  };
}

function idsOf(
  store: Store,
  about: { readonly mergeRequestId?: number; readonly deploymentId?: number },
  projectId: number | undefined,
) {
  const deployment = about.deploymentId === undefined ? undefined : store.deployments.get(about.deploymentId);
  if (deployment) return deploymentFields(deployment);
  const mergeRequest = about.mergeRequestId === undefined ? undefined : store.mergeRequests.get(about.mergeRequestId);
  return mergeRequest ? mergeRequestFields(mergeRequest) : { project: projectId };
}
