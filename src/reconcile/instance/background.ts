import { setTimeout as sleep } from 'node:timers/promises';
import { formatDuration } from '../../deployment/units.ts';
import { messageOf } from '../../errors.ts';
import type { DeploymentRow, RevisionRow } from '../../store/schema.ts';
import type { InstanceContext } from './context.ts';
import { addEvent } from './record.ts';
import { instanceLog } from './variables.ts';

/** How soon the end of work is seen; it costs the old instance two questions. */
const LOOK_MS = 1_000;
const LOOKING_MS = 100;
/** A preset's command to end work may take half a minute. */
const END_LIMIT_MS = 35_000;

/** How far the leave of a replaced instance has come. A service that starts anew begins it anew. */
interface Leave {
  handedOver: boolean;
  told: boolean;
  looking: boolean;
  lookAt: number;
  ended: boolean;
}

const leaves = new WeakMap<InstanceContext, Map<string, Leave>>();

/**
 * Sees to the work that goes on in a replaced instance: it begins nothing new, and may end what it has begun until `drainMs` of its preset
 * is over. All of it beside the pass, which must not hold up the revision that replaces it.
 * @param options.requests whether requests are still open: they may begin work
 * @returns after how many ms to ask again; 0: there is nothing left to wait for
 */
export function workLeftMs(context: InstanceContext, revision: RevisionRow, options: { requests: boolean }): number {
  if (!context.presetFor(revision.spec).background) return 0;
  const known = leaves.get(context) ?? new Map<string, Leave>();
  leaves.set(context, known);
  const leave = known.get(revision.instance) ?? {
    handedOver: false,
    told: false,
    looking: false,
    lookAt: 0,
    ended: false,
  };
  known.set(revision.instance, leave);
  if (leave.ended) return 0;
  const now = context.now();
  if (!leave.looking && Math.abs(leave.lookAt - now) >= LOOK_MS) {
    leave.looking = true;
    void look(context, revision, { leave, ...options })
      .catch((error: unknown) => {
        context.log.warn({ instance: revision.instance, error: messageOf(error) }, 'its work could not be looked at');
      })
      .finally(() => {
        leave.looking = false;
        leave.lookAt = context.now();
      });
  }
  return leave.looking ? LOOKING_MS : LOOK_MS;
}

/** An instance is gone: nothing of its leave is remembered. */
export function forgetWork(context: InstanceContext, instance: string): void {
  leaves.get(context)?.delete(instance);
}

async function look(
  context: InstanceContext,
  revision: RevisionRow,
  { leave, requests }: { leave: Leave; requests: boolean },
): Promise<void> {
  const background = context.presetFor(revision.spec).background;
  const seen = await context.runtime.observe(revision.instance);
  if (!background || seen.state !== 'running') {
    leave.ended = true;
    return;
  }
  if (!leave.handedOver) {
    leave.handedOver = true;
    await run(context, revision, background.handOver);
  }
  if (requests) return;
  const activity = await background.activity(revision.spec, seen.endpoint);
  const limitMs = background.drainMs(revision.spec);
  if (activity?.running === 0) leave.ended = true;
  else if (context.now() - (revision.drainingSince ?? 0) >= limitMs) {
    await run(
      context,
      revision,
      background.end(
        `Canceled by the service: a push has replaced the code that it runs with, and it may go on for ${formatDuration(limitMs)} (drain).`,
        { all: false },
      ),
    );
    leave.ended = true;
  } else if (activity && !leave.told) {
    leave.told = true;
    const deployment = context.store.deployments.get(revision.deploymentId) as DeploymentRow;
    const what = activity.running === 1 ? 'its run has' : `its ${activity.running} runs have`;
    addEvent(
      context,
      deployment,
      'draining',
      `Revision ${revision.number} stays until ${what} ended, for ${formatDuration(limitMs)} at the longest.`,
      revision,
    );
  }
}

/**
 * Ends the work of an instance that is about to be stopped, in bounded time: with the reason, and before its processes are.
 * @param options.all also what waits in its deployment
 */
export async function endWork(
  context: InstanceContext,
  revision: RevisionRow,
  reason: string,
  options: { all: boolean },
): Promise<void> {
  const background = context.presetFor(revision.spec).background;
  if (!background) return;
  const seen = await context.runtime.observe(revision.instance);
  if (seen.state !== 'running') return;
  const activity = await background.activity(revision.spec, seen.endpoint);
  if (activity?.running === 0 && !(options.all && activity.waiting > 0)) return;
  await run(context, revision, background.end(reason, options));
}

/** Runs a command of the preset's in the instance. What goes wrong with it is logged: the instance goes all the same. */
async function run(context: InstanceContext, revision: RevisionRow, command: string): Promise<void> {
  const { runtime, log } = context;
  const over = new AbortController();
  try {
    const code = await Promise.race([
      runtime.exec(revision.instance, command, instanceLog(context, revision)),
      sleep(END_LIMIT_MS, 'no end' as const, { signal: over.signal, ref: false }),
    ]);
    if (code !== 0)
      log.warn({ instance: revision.instance, code }, 'the work of an instance that leaves was not ended well');
  } catch (error) {
    log.warn(
      { instance: revision.instance, error: messageOf(error) },
      'the work of an instance that leaves could not be ended',
    );
  } finally {
    over.abort();
  }
}
