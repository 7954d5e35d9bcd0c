import { createMasker, type Masker } from '../../deployment/mask.ts';
import { SealError } from '../../deployment/sealed-variables.ts';
import { formatDuration } from '../../deployment/units.ts';
import { messageOf } from '../../errors.ts';
import { deploymentFields } from '../../log.ts';
import { type Observation, RuntimeClosedError } from '../../runtimes/runtime.ts';
import type { DeploymentRow, RevisionRow } from '../../store/schema.ts';
import { again, DONE, lookAgain, type Result } from '../reconciler.ts';
import { takePlace } from './admit.ts';
import type { InstanceContext } from './context.ts';
import { holdRevision, mayStart, whyNot } from './forks.ts';
import { lookNow } from './news.ts';
import { watchParts } from './parts.ts';
import { addEvent, recordFailure, recordHealthy, recordPhase } from './record.ts';
import { instanceLog, lostSetupVariables, openRevision, secretValues } from './variables.ts';

/** A start that has just begun is watched closely, since every wait is added to the time that people wait. */
const WATCH_CLOSELY_MS = 10;
const CLOSELY_FOR_MS = 2_000;
const WATCH_MS = 60;
const WATCH_FOR_MS = 30_000;
const WATCH_SELDOM_MS = 500;
/** Where news comes by itself, a look is for what is printed, the time limit, and news that went missing. */
const WATCH_NEWS_MS = 250;
/** How soon a crash of a serving instance is seen, at the latest. */
const MONITOR_MS = 5_000;
const COPY_AT_ONCE_BYTES = 1024 * 1024;
/** Starts after crashes; an instance that stayed up this long begins to count anew. */
const MAX_RESTARTS = 5;
const STABLE_AFTER_MS = 10 * 60_000;

/** Launches a queued revision, as soon as its deployment has a place. */
export async function launchRevision(
  context: InstanceContext,
  deployment: DeploymentRow,
  revision: RevisionRow,
): Promise<Result> {
  const { store, logs, now } = context;
  const launched = store.transaction(() => {
    if (!mayStart(context, deployment, revision)) {
      holdRevision(context, deployment, revision);
      return false;
    }
    if (!takePlace(context, deployment, revision)) return false;
    const at = now();
    store.revisions.update(revision.id, {
      state: 'starting',
      instanceState: 'present',
      startedAt: at,
      deadlineAt: at + revision.spec.timeoutMs,
    });
    for (const remark of revision.spec.remarks) logs.say(revision.id, remark);
    recordPhase(context, deployment.id);
    return true;
  });
  // Whoever frees a place has it looked at again.
  if (!launched) return DONE;
  context.log.info({ decision: 'launched', ...deploymentFields(deployment, revision) }, 'it is launched');
  return start(context, deployment, revision);
}

/** Looks at a revision that is starting, or that serves, and does what that asks for. */
export async function watchRevision(
  context: InstanceContext,
  deployment: DeploymentRow,
  revision: RevisionRow,
): Promise<Result> {
  const observation = await context.runtime.observe(revision.instance);
  if (revision.state === 'healthy') return monitor(context, deployment, revision, observation);
  try {
    return await lookAtStart(context, deployment, revision, observation);
  } catch (error) {
    if (!(error instanceof SealError)) throw error;
    recordFailure(context, revision, { message: error.message });
    return again(0);
  }
}

/** @throws {SealError} where something is to be told that may hold what was handed over, and that cannot be opened any more */
async function lookAtStart(
  context: InstanceContext,
  deployment: DeploymentRow,
  revision: RevisionRow,
  observation: Observation,
): Promise<Result> {
  // Asked for wherever an app's own words are recorded.
  const secrets = openOnce(context, revision);
  await copyOutput(context, revision, { secrets, isAll: observation.state === 'exited' });
  const late = context.now() > (revision.deadlineAt ?? 0);
  switch (observation.state) {
    case 'absent': // the service ended while the instance was being set up
      return start(context, deployment, revision);
    case 'exited':
      secrets();
      recordFailure(context, revision, {
        message: [observation.reason, lostSetupVariables(context, revision)].filter(Boolean).join('. '),
      });
      return again(0);
    case 'starting':
      if (late) return failLate(context, revision, { detail: `still at "${observation.step}"` });
      return again(watchMs(context, revision, { news: context.runtime.onNews !== undefined }));
    case 'running': {
      // Late, it is asked all the same: the answer says what is wrong.
      if (observation.listens === false && !late) return again(watchMs(context, revision, { news: true }));
      const health = await context.presetFor(revision.spec).health(revision.spec, observation.endpoint, observation);
      if (health.state === 'waiting' && !(late && health.parts)) {
        if (late) {
          secrets();
          return failLate(context, revision, { detail: health.detail, port: observation.endpoint.port });
        }
        void health.news?.then(() => lookNow(context, revision.instance));
        const isSilent = (observation.silent ?? []).length > 0;
        return again(watchMs(context, revision, { news: health.news !== undefined || isSilent }));
      }
      await copyOutput(context, revision, { secrets });
      secrets();
      if (health.state === 'failed') recordFailure(context, revision, health);
      else recordHealthy(context, revision, { endpoint: observation.endpoint, parts: health.parts ?? [] });
      return again(0);
    }
    default:
      return observation satisfies never;
  }
}

async function start(context: InstanceContext, deployment: DeploymentRow, revision: RevisionRow): Promise<Result> {
  const { runtime } = context;
  if (!mayStart(context, deployment, revision)) {
    recordFailure(context, revision, { message: whyNot(context) });
    return again(0);
  }
  try {
    const given = { ...context.launchContext(deployment, revision), ...openRevision(context, revision) };
    const launch = context.presetFor(revision.spec).launch(revision.spec, given);
    const lost = lostSetupVariables(context, revision);
    if (lost !== undefined) context.logs.say(revision.id, lost);
    await runtime.start(
      { name: revision.instance, deployment: deployment.name },
      launch,
      context.source(revision.bundle),
      instanceLog(context, revision),
    );
  } catch (error) {
    if (error instanceof RuntimeClosedError) throw error;
    context.log.error(
      { ...deploymentFields(deployment, revision), error: messageOf(error) },
      'an instance could not be launched',
    );
    const message = error instanceof SealError ? error.message : `It could not be launched: ${messageOf(error)}`;
    recordFailure(context, revision, { message });
    return again(0);
  }
  return again(runtime.onNews === undefined ? WATCH_CLOSELY_MS : WATCH_NEWS_MS);
}

/** An instance that serves and ends is started again, a bounded number of times. */
async function monitor(
  context: InstanceContext,
  deployment: DeploymentRow,
  revision: RevisionRow,
  observation: Observation,
): Promise<Result> {
  const { store, now } = context;
  if (observation.state === 'running' && observation.endpoint.port === revision.endpointPort) {
    await watchParts(context, revision, observation);
    return lookAgain(MONITOR_MS);
  }
  const how =
    observation.state === 'exited'
      ? observation.reason
      : observation.state === 'absent'
        ? 'it is gone'
        : 'it was started anew';
  const restarts = now() - (revision.healthyAt ?? 0) > STABLE_AFTER_MS ? 1 : revision.restarts + 1;
  addEvent(context, deployment, 'crashed', `Revision ${revision.number} ended: ${how}.`, revision);
  if (restarts > MAX_RESTARTS) {
    recordFailure(context, revision, { message: `It was healthy, and then ended ${restarts} times: ${how}` });
    return again(0);
  }
  const at = now();
  store.transaction(() => {
    store.revisions.update(revision.id, {
      state: 'starting',
      restarts,
      startedAt: at,
      deadlineAt: at + revision.spec.timeoutMs,
      endpointHost: null,
      endpointPort: null,
      outputOffset: 0,
    });
    recordPhase(context, deployment.id);
    context.logs.say(revision.id, `It ended (${how}), and is started again.`);
  });
  return start(context, deployment, revision);
}

/** @param late.port that the app was told to listen on, where it was started */
async function failLate(
  context: InstanceContext,
  revision: RevisionRow,
  late: { readonly detail: string; readonly port?: number },
): Promise<Result> {
  const ports = late.port === undefined ? [] : ((await context.runtime.listeningPorts?.(revision.instance)) ?? []);
  const hint =
    ports.length > 0 && !ports.includes(late.port as number)
      ? ` Its processes listen on port ${ports.join(', ')}: the app must listen on $HOST and $PORT.`
      : '';
  recordFailure(context, revision, {
    message: `It was not healthy within ${formatDuration(revision.spec.timeoutMs)}: ${late.detail}.${hint}`,
  });
  return again(0);
}

/** Values that its output may hold. A look that finds nothing to tell, as most of a start do, opens nothing. @throws {SealError} as `openRevision` */
function openOnce(context: InstanceContext, revision: RevisionRow): () => readonly string[] {
  let values: readonly string[] | undefined;
  return () => {
    values ??= secretValues(context, revision);
    return values;
  };
}

/**
 * What the app printed while it starts belongs into the log that the job follows, without the values that were handed over.
 * @param options.isAll whether it prints no more
 */
async function copyOutput(
  context: InstanceContext,
  revision: RevisionRow,
  options: { readonly secrets: () => readonly string[]; readonly isAll?: boolean },
): Promise<void> {
  const { runtime, logs, store } = context;
  let masker: Masker | undefined;
  let offset = revision.outputOffset;
  let isEnd = true;
  for await (const chunk of runtime.logs(revision.instance, { from: offset })) {
    masker ??= createMasker(options.secrets());
    logs.write(revision.id, masker.write(chunk));
    offset += chunk.length;
    // The rest at the next pass: an app that prints without end must not hold up everything else.
    isEnd = offset - revision.outputOffset <= COPY_AT_ONCE_BYTES;
    if (!isEnd) break;
  }
  if (masker === undefined) return;
  if (options.isAll && isEnd) logs.write(revision.id, masker.end());
  // What may be the beginning of a secret is read again, with what comes after it.
  offset -= masker.held;
  if (offset === revision.outputOffset) return;
  store.revisions.update(revision.id, { outputOffset: offset });
  revision.outputOffset = offset;
}

/** @param options.news whether something tells when there is more to see */
function watchMs(context: InstanceContext, revision: RevisionRow, options: { readonly news: boolean }): number {
  const sinceMs = context.now() - (revision.startedAt ?? 0);
  if (options.news) return sinceMs < WATCH_FOR_MS ? WATCH_NEWS_MS : WATCH_SELDOM_MS;
  if (sinceMs < CLOSELY_FOR_MS) return WATCH_CLOSELY_MS;
  return sinceMs < WATCH_FOR_MS ? WATCH_MS : WATCH_SELDOM_MS;
}
