import { isFork } from '../../deployment/forks.ts';
import type { PartHealth } from '../../deployment/launch.ts';
import { noteDueAt } from '../../deployment/note-timing.ts';
import { derivePhase } from '../../deployment/phase.ts';
import { formatDuration } from '../../deployment/units.ts';
import { messageOf } from '../../errors.ts';
import { deploymentFields } from '../../log.ts';
import { placeFreed, queueMoved } from '../../store/queue-news.ts';
import type { DeploymentRow, RevisionRow } from '../../store/schema.ts';
import { ofDeployment, ofMergeRequest } from '../reconciler.ts';
import type { InstanceContext } from './context.ts';
import { maskFor } from './variables.ts';

/** How many of an app's last lines are kept with a failure, and end the job's log. */
const FAILURE_LINES = 30;

/**
 * Stores the phase that follows from the rows as they are now, and has the note and the environment looked at where it changed.
 *
 * @param options.gone all of a deployment that is not wanted was just observed to be gone
 */
export function recordPhase(
  context: InstanceContext,
  deploymentId: number,
  options: { readonly gone?: boolean } = {},
): void {
  const { store } = context;
  const deployment = store.deployments.get(deploymentId) as DeploymentRow;
  const revisions = store.revisions.current(deploymentId);
  const phase = derivePhase({
    wanted: deployment.wanted,
    latest: revisions.findLast((r) => r.state !== 'superseded')?.state,
    gone: options.gone ?? deployment.phase === 'stopped',
  });
  if (phase === 'stopped') store.deployments.recordStopped(deployment.id, context.now());
  else store.deployments.update(deployment.id, { phase, stoppedAt: null });
  store.work.mark(ofMergeRequest(deployment.mergeRequestId), 'note', noteDueAt(phase, context.now()));
  if (phase !== deployment.phase) {
    // A deploy job that brought it makes the environment right by its end, which GitLab tells of.
    if (phase !== 'running' || !broughtByJob(context, deployment))
      store.work.mark(ofDeployment(deployment.id), 'environment', context.now());
    context.log.info({ ...deploymentFields(deployment), from: deployment.phase, to: phase }, 'phase changed');
  }
}

/** Whether a job waits for the live revision, and gives the environment its link when it ends. One that waited in vain has ended before. */
function broughtByJob({ store }: InstanceContext, { id, mergeRequestId }: DeploymentRow): boolean {
  const liveId = store.deployments.get(id)?.liveRevisionId;
  const live = typeof liveId === 'number' ? store.revisions.get(liveId) : undefined;
  const row = store.mergeRequests.get(mergeRequestId);
  if (!live || !row || isFork(row)) return false;
  const waitedMs = (live.startedAt ?? 0) - live.queuedAt;
  return waitedMs < live.spec.timeoutMs && store.jobs.hasRevision(live.id);
}

/** A revision is healthy: it gets the traffic from now on, and the one before drains. False where it lost to something newer meanwhile. */
export function recordHealthy(
  context: InstanceContext,
  revision: RevisionRow,
  healthy: { endpoint: { host: string; port: number }; parts: readonly PartHealth[] },
): boolean {
  const { store, logs, now } = context;
  const parts = maskParts(healthy.parts, maskFor(context, revision));
  const switched = store.transaction(() => {
    const deployment = store.deployments.get(revision.deploymentId) as DeploymentRow;
    const latest = store.revisions.latest(deployment.id) as RevisionRow;
    const isLive = deployment.liveRevisionId === revision.id;
    if (deployment.wanted !== 'running' || (latest.id !== revision.id && !isLive)) return false;
    const at = now();
    store.revisions.update(revision.id, {
      state: 'healthy',
      message: null,
      parts,
      endpointHost: healthy.endpoint.host,
      endpointPort: healthy.endpoint.port,
      healthyAt: at,
      endedAt: at,
      drainingSince: null,
    });
    if (!isLive && deployment.liveRevisionId !== null)
      store.revisions.update(deployment.liveRevisionId, { drainingSince: at });
    store.deployments.update(deployment.id, { liveRevisionId: revision.id });
    addEvent(
      context,
      deployment,
      'healthy',
      `Revision ${revision.number} (${revision.commit.sha.slice(0, 8)}) is healthy and gets the traffic.`,
      revision,
    );
    recordPhase(context, deployment.id);
    if (context.presetFor(revision.spec).definitions) {
      store.work.mark(ofDeployment(deployment.id), 'changes', at);
      logs.say(revision.id, 'What it changes of its assets follows in the note of the merge request.');
    }
    for (const part of parts.filter((one) => one.state === 'healthy' && one.message))
      logs.say(revision.id, `warning: ${part.name} is healthy, but ${part.message}`);
    sayFailedParts(context, revision, parts);
    logs.say(
      revision.id,
      `Healthy after ${formatDuration(at - (revision.startedAt ?? at))}: ${context.previewUrl(deployment.name)}`,
    );
    return true;
  });
  if (switched) ended(context, revision, 'healthy');
  return switched;
}

/** A revision failed; an older one goes on serving. The log ends with the app's own last lines. */
export function recordFailure(
  context: InstanceContext,
  revision: RevisionRow,
  found: { message: string; parts?: readonly PartHealth[] },
): void {
  const { store, logs } = context;
  const mask = maskFor(context, revision);
  const failure = { message: mask(found.message), parts: maskParts(found.parts ?? [], mask) };
  const lines = logs.appTail(revision.id, FAILURE_LINES);
  store.transaction(() => {
    const deployment = store.deployments.get(revision.deploymentId) as DeploymentRow;
    store.revisions.update(revision.id, {
      state: 'failed',
      message: failure.message,
      parts: failure.parts,
      failureLog: lines,
      endedAt: context.now(),
    });
    addEvent(
      context,
      deployment,
      'failed',
      `Revision ${revision.number} (${revision.commit.sha.slice(0, 8)}) failed: ${failure.message}`,
      revision,
    );
    recordPhase(context, deployment.id);
    logs.say(revision.id, `Failed: ${failure.message}`);
    if (deployment.liveRevisionId !== null && deployment.liveRevisionId !== revision.id) {
      logs.say(revision.id, `The revision before goes on serving: ${context.previewUrl(deployment.name)}`);
    }
    sayFailedParts(context, revision, failure.parts);
    if (lines.length > 0) {
      logs.say(revision.id, 'The last lines that it printed:');
      logs.write(revision.id, Buffer.from(`${lines.join('\n')}\n`));
    }
  });
  ended(context, revision, 'failed');
}

/** Also of a healthy revision, which does without them. */
function sayFailedParts({ logs }: InstanceContext, revision: RevisionRow, parts: readonly PartHealth[]): void {
  for (const part of parts.filter((one) => one.state === 'failed' && one.message)) {
    if (part.absent) {
      logs.say(revision.id, `warning: ${part.name} is not loaded: ${part.message}`);
      continue;
    }
    logs.say(revision.id, `${part.name} failed:`);
    logs.write(revision.id, Buffer.from(`${part.message}\n`));
  }
}

/** Parts of a serving revision came or went. */
export function recordParts(context: InstanceContext, revision: RevisionRow, parts: readonly PartHealth[]): void {
  const { store, logs } = context;
  const changed = parts.filter(({ name, state, message }) =>
    revision.parts.some((one) => one.name === name && (one.state !== state || one.message !== message)),
  );
  store.transaction(() => {
    const deployment = store.deployments.get(revision.deploymentId) as DeploymentRow;
    store.revisions.update(revision.id, { parts });
    for (const part of changed) {
      const what = becameOf(part);
      addEvent(context, deployment, 'part', what, revision);
      logs.say(revision.id, what);
    }
    recordPhase(context, deployment.id);
  });
}

function becameOf({ name, state, message, absent }: PartHealth): string {
  if (absent) return `${name} is not loaded: ${message}`;
  return state === 'failed' ? `${name} could not be loaded: the note has its error.` : `${name} is loaded.`;
}

/** What a part says may be the app's own words: a load error with its stack. */
export function maskParts(parts: readonly PartHealth[], mask: (text: string) => string): PartHealth[] {
  return parts.map((part) => (part.message === undefined ? part : { ...part, message: mask(part.message) }));
}

/** A revision lost to something newer before it was decided. */
export function recordSuperseded(context: InstanceContext, revision: RevisionRow, why: string): void {
  const { store, logs } = context;
  store.transaction(() => {
    store.revisions.update(revision.id, { state: 'superseded', message: why, endedAt: context.now() });
    addEvent(
      context,
      store.deployments.get(revision.deploymentId) as DeploymentRow,
      'superseded',
      `Revision ${revision.number} (${revision.commit.sha.slice(0, 8)}) is superseded: ${why}`,
      revision,
    );
    logs.say(revision.id, `Superseded: ${why}`);
    recordPhase(context, revision.deploymentId);
  });
  ended(context, revision, 'superseded');
  if (revision.instanceState === 'none')
    context.dropTrees(revision.bundle).catch((error: unknown) => {
      context.log.warn(
        { instance: revision.instance, error: messageOf(error) },
        'its unpacked code could not be removed',
      );
    });
}

/** An instance was observed to be gone. */
export function recordGone(context: InstanceContext, revision: RevisionRow): void {
  const { store } = context;
  store.transaction(() => {
    store.revisions.update(revision.id, { instanceState: 'gone', endpointHost: null, endpointPort: null });
    recordPhase(context, revision.deploymentId);
    placeFreed(store, { limit: context.maxRunning, now: context.now() });
    queueMoved(store, context.now());
  });
  context.traffic.forget(revision.instance);
}

/** Wakes those who follow the log, and tells the metrics. */
function ended(context: InstanceContext, revision: RevisionRow, outcome: 'healthy' | 'failed' | 'superseded'): void {
  context.setupVariables.forget(revision.id);
  context.logs.notify(revision.id);
  context.onEnded?.(revision, outcome);
}

export function addEvent(
  context: InstanceContext,
  deployment: DeploymentRow,
  type: string,
  message: string,
  revision?: RevisionRow,
): void {
  context.store.events.add({
    at: context.now(),
    type,
    message,
    deploymentId: deployment.id,
    mergeRequestId: deployment.mergeRequestId,
    ...(revision && { revisionId: revision.id }),
  });
}
