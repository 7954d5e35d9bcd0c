import { setTimeout as sleep } from 'node:timers/promises';
import type { StopReason } from '../../deployment/phase.ts';
import { stopRetryMs, toldTries } from '../../deployment/stop-tries.ts';
import { messageOf } from '../../errors.ts';
import { deploymentFields } from '../../log.ts';
import type { DeploymentRow, RevisionRow } from '../../store/schema.ts';
import { again, DONE, ofMergeRequest, type Result } from '../reconciler.ts';
import { endWork, forgetWork, workLeftMs } from './background.ts';
import type { InstanceContext } from './context.ts';
import { addEvent, recordGone, recordPhase, recordSuperseded } from './record.ts';

/** Longest wait for requests that an old instance still answers. WebSockets are not waited for. */
const DRAIN_LIMIT_MS = 60_000;
const DRAIN_POLL_MS = 100;
/** An end costs as much as a start (processes are looked for, folders removed): people who wait for the new one are told first. */
const DRAIN_AT_LEAST_MS = 250;
const LONGEST_ERROR = 1_000;
/** Wait before an instance that could not be stopped is tried again. */
const STOP_RETRY_MS = 10_000;

const WHY: Readonly<Record<StopReason, string>> = {
  merged: 'the merge request was merged',
  closed: 'the merge request was closed',
  undeployed: 'somebody asked for its removal',
  deleted: 'the merge request is gone',
  unreadable: 'its project could not be read for days',
};

/** Stops an instance that nobody wants any more, once its requests and the work that it has begun have ended. */
export async function retireRevision(context: InstanceContext, revision: RevisionRow): Promise<Result> {
  if (revision.drainingSince !== null) {
    const waited = context.now() - revision.drainingSince;
    if (Math.abs(waited) < DRAIN_AT_LEAST_MS) return again(DRAIN_AT_LEAST_MS);
    const requests = context.traffic.open(revision.instance) > 0 && waited < DRAIN_LIMIT_MS;
    const workMs = workLeftMs(context, revision, { requests });
    if (requests) return again(DRAIN_POLL_MS);
    if (workMs > 0) return again(workMs);
  }
  return stopBeside(context, revision);
}

const stopping = new WeakMap<InstanceContext, Set<string>>();

/** Stops an instance beside the pass: one that ignores TERM, or cannot be removed, must not hold up the push that replaces it. */
function stopBeside(context: InstanceContext, revision: RevisionRow): Result {
  const names = stopping.get(context) ?? new Set<string>();
  stopping.set(context, names);
  if (!names.has(revision.instance)) {
    names.add(revision.instance);
    void stopInstance(context, revision)
      .catch(async (error: unknown) => {
        context.log.error(
          { instance: revision.instance, error: messageOf(error) },
          'an old instance could not be stopped',
        );
        await sleep(STOP_RETRY_MS, undefined, { ref: false });
      })
      .finally(() => names.delete(revision.instance));
  }
  return again(DRAIN_POLL_MS);
}

/** Removes all of a deployment that is not wanted any more; it is stopped only when everything was observed to be gone. */
export async function removeDeployment(
  context: InstanceContext,
  deployment: DeploymentRow,
  revisions: readonly RevisionRow[],
): Promise<Result> {
  const { store } = context;
  const why = WHY[deployment.stopReason ?? 'undeployed'];
  for (const revision of revisions)
    if (revision.state === 'held' || revision.state === 'queued' || revision.state === 'starting')
      recordSuperseded(context, revision, `${why}.`);
  const present = revisions.filter((r) => r.instanceState === 'present');
  const faults = await faultsOf(
    present.map(async (revision) => {
      const all = revision.id === deployment.liveRevisionId;
      await endWork(context, revision, `Canceled by the service: ${why}.`, { all });
      await stopInstance(context, revision);
    }),
  );
  if (faults.length > 0) return notGone(context, deployment, faults.join('; '));
  // What was live is gone, whatever is wanted by now: else the next pass would take it for crashed.
  store.deployments.update(deployment.id, { liveRevisionId: null });
  if (store.deployments.get(deployment.id)?.generation !== deployment.generation) return again(0);
  const [left] = await faultsOf([context.runtime.removeData(deployment.name)]);
  if (left !== undefined) return notGone(context, deployment, left);
  store.transaction(() => {
    if (deployment.phase !== 'stopped') addEvent(context, deployment, 'stopped', `Removed: ${why}.`);
    recordPhase(context, deployment.id, { gone: true });
    store.jobs.forgetVariablesOf(deployment.id);
    store.changes.forgetReadings(deployment.id);
  });
  // Reopen and /deploy need the last bundle of a closed merge request; nothing brings a merged one back.
  if (deployment.stopReason === 'merged' || deployment.stopReason === 'deleted') {
    store.revisions.forgetVariablesOf(deployment.id);
    for (const digest of store.revisions.bundlesOf(deployment.id)) {
      const users = store.revisions.deploymentsOfBundle(digest);
      if (users.every((d) => d.stopReason === 'merged' || d.stopReason === 'deleted'))
        await context.removeBundle(digest);
    }
  }
  return DONE;
}

/** @throws where it is still there: gone is what was observed, not what was asked */
async function stopInstance(context: InstanceContext, revision: RevisionRow): Promise<void> {
  context.closeWebSockets(revision.instance);
  await context.runtime.stop(revision.instance);
  const observation = await context.runtime.observe(revision.instance);
  if (observation.state !== 'absent')
    throw new Error(`${revision.instance} was stopped, and is ${observation.state} all the same`);
  recordGone(context, revision);
  forgetWork(context, revision.instance);
}

/** Waits for all of them, also where one fails. */
async function faultsOf(acts: ReadonlyArray<Promise<void>>): Promise<string[]> {
  const ends = await Promise.allSettled(acts);
  return ends.flatMap((end) => (end.status === 'rejected' ? [messageOf(end.reason)] : []));
}

/** Something of it is still there: it is tried again, ever more seldom and for ever, and people see why. */
function notGone(context: InstanceContext, deployment: DeploymentRow, error: string): Result {
  const { store, log } = context;
  const tries = (store.deployments.get(deployment.id)?.stopTries ?? 0) + 1;
  const waitMs = stopRetryMs(tries);
  log.error({ decision: 'not-removed', ...deploymentFields(deployment), tries, waitMs, error }, 'it is not gone yet');
  store.transaction(() => {
    store.deployments.update(deployment.id, { stopTries: tries, stopError: error.slice(0, LONGEST_ERROR) });
    if (toldTries(tries) === toldTries(tries - 1)) return;
    addEvent(context, deployment, 'not-removed', `It could not be removed in ${tries} tries: ${error}`);
    store.work.mark(ofMergeRequest(deployment.mergeRequestId), 'note', context.now());
  });
  return again(waitMs);
}
