import type { Preview } from '../deployment/preview.ts';
import type { RevisionLogs } from '../store/revision-logs.ts';
import type { DeploymentRow, RevisionRow } from '../store/schema.ts';
import type { Store } from '../store/store.ts';
import { badgesReader } from './badges/read-badges.ts';

const LOG_LINES = 30;

/** Looks a preview up by its name, for every request: the rows are the only routing table, so a switch is one transaction. */
export function findPreview(
  store: Store,
  logs: RevisionLogs,
  secretsOf: Parameters<typeof badgesReader>[1],
): (name: string) => Preview | undefined {
  const badges = badgesReader(store.changes, secretsOf);
  return (name) => {
    const deployment = store.deployments.named(name);
    if (!deployment) return undefined;
    const live = deployment.liveRevisionId === null ? undefined : store.revisions.get(deployment.liveRevisionId);
    if (
      deployment.wanted === 'running' &&
      live?.state === 'healthy' &&
      live.endpointHost !== null &&
      live.endpointPort !== null
    ) {
      return {
        state: 'serving',
        name,
        instance: live.instance,
        endpoint: { host: live.endpointHost, port: live.endpointPort },
        badges: () => badges(live.id),
      };
    }
    return describe(store, logs, deployment);
  };
}

function describe(store: Store, logs: RevisionLogs, deployment: DeploymentRow): Preview {
  const mergeRequest = store.mergeRequests.get(deployment.mergeRequestId);
  const latest = store.revisions.latest(deployment.id);
  return {
    ...stateOf(deployment, latest),
    name: deployment.name,
    title: `${mergeRequest?.projectPath ?? ''} !${mergeRequest?.iid ?? ''}${deployment.app ? ` ${deployment.app}` : ''}`,
    mergeRequestUrl: mergeRequest?.webUrl ?? '',
    log: latest && deployment.wanted === 'running' ? logs.tail(latest.id, LOG_LINES) : [],
  };
}

function stateOf(
  deployment: DeploymentRow,
  latest: RevisionRow | undefined,
): { readonly state: 'starting' | 'failed' | 'stopped'; readonly message: string } {
  if (deployment.wanted === 'stopped') {
    const why = {
      merged: 'its merge request was merged',
      closed: 'its merge request was closed',
      undeployed: 'somebody removed it',
      deleted: 'its merge request is gone',
      unreadable: 'its project is gone',
    }[deployment.stopReason ?? 'undeployed'];
    return { state: 'stopped', message: `This preview is no longer there: ${why}.` };
  }
  if (latest?.state === 'failed') return { state: 'failed', message: latest.message ?? 'It failed.' };
  if (!latest) return { state: 'starting', message: 'A pipeline is about to bring the code.' };
  if (latest.state === 'held')
    return {
      state: 'starting',
      message: 'It comes from a fork: a Developer of the project must approve its commit first.',
    };
  if (latest.state === 'queued' && deployment.waitingSince !== null)
    return { state: 'starting', message: 'It waits for a place: as many previews as may run at once are running.' };
  return { state: 'starting', message: `Commit ${latest.commit.sha.slice(0, 8)} is being started.` };
}
