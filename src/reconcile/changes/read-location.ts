import { setTimeout as sleep } from 'node:timers/promises';
import { readSnapshot, type Snapshot } from '../../changes/snapshot.ts';
import type { Step } from '../../deployment/launch.ts';
import { formatBytes, formatDuration } from '../../deployment/units.ts';
import { messageOf } from '../../errors.ts';
import type { Beside } from '../../runtimes/runtime.ts';
import type { SideTime } from './context.ts';

/** A project that takes longer to load is not compared. */
const READ_LIMIT_MS = 5 * 60_000;
const PREPARE_LIMIT_MS = 10 * 60_000;
/** Of all locations of a side together: they are in memory at once, and a service that it is too much for would begin anew with it. */
const MOST_BYTES = 64 * 1024 * 1024;

/** What was read of one code location: its snapshot, or why there is none. */
export type ReadLocation =
  | Snapshot
  | {
      readonly status: 'unread';
      readonly reason: string;
      /** The time of its side was over. */
      readonly isLate?: true;
    };

/** What the readings of one side's locations share. */
export interface SharedReading {
  /** Steps that have run in this tree, by what they are: they are not repeated. */
  readonly done: Map<string, Promise<void>>;
  /** Bytes that have been read. */
  bytes: number;
  readonly time: SideTime;
}

/** Before the first location is read. */
export const beginReading = (time: SideTime): SharedReading => ({ done: new Map(), bytes: 0, time });

/** Why nothing more is read of a side. */
export const outOfTime = ({ limitMs }: SideTime): string =>
  `the code locations of one side together took longer than ${formatDuration(limitMs)}`;

/** Runs the steps of a location that come before it is read. One that fails is told of when the location is read. */
export async function prepareLocation(beside: Beside, steps: readonly Step[], shared: SharedReading): Promise<void> {
  for (const step of steps.slice(0, -1)) {
    if (shared.time.signal.aborted) return;
    const isDone = await once(beside, step, shared).then(
      () => true,
      () => false,
    );
    if (!isDone) return;
  }
}

/**
 * Runs the steps that read a location (`DefinitionsReader`). What goes wrong is the location's own; whoever calls looks whether the instance
 * is still there.
 */
export async function readLocation(
  beside: Beside,
  steps: readonly Step[],
  shared: SharedReading,
): Promise<ReadLocation> {
  const { time } = shared;
  const late = (): ReadLocation => ({ status: 'unread', reason: outOfTime(time), isLate: true });
  if (time.signal.aborted) return late();
  const last = steps.at(-1) as Step;
  let doing = last.name;
  try {
    for (const step of steps.slice(0, -1)) {
      doing = step.name;
      await once(beside, step, shared);
    }
    doing = last.name;
    return await readLast(beside, last, shared);
  } catch (error) {
    return time.signal.aborted ? late() : { status: 'unread', reason: reasonOf(error, doing) };
  }
}

function once(beside: Beside, step: Step, { done, time }: SharedReading): Promise<void> {
  const key = JSON.stringify([step.directory, step.command]);
  const signal = AbortSignal.any([AbortSignal.timeout(PREPARE_LIMIT_MS), time.signal]);
  const running = done.get(key) ?? beside.run(step, { onOutput: () => {}, signal });
  done.set(key, running);
  return running;
}

async function readLast(beside: Beside, step: Step, shared: SharedReading): Promise<Snapshot> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  const tooMuch = new AbortController();
  const onOutput = (chunk: Uint8Array): void => {
    bytes += chunk.length;
    if (shared.bytes + bytes <= MOST_BYTES) chunks.push(chunk);
    else tooMuch.abort(new Error(`the definitions of all locations together are more than ${formatBytes(MOST_BYTES)}`));
  };
  const text = (): string => Buffer.concat(chunks).toString();
  try {
    const signals = [AbortSignal.timeout(READ_LIMIT_MS), shared.time.signal, tooMuch.signal];
    await beside.run(step, { onOutput, signal: AbortSignal.any(signals) });
  } catch (error) {
    const said = text().trim().split('\n').at(-1) ?? '';
    if (said === '' || tooMuch.signal.aborted || isTimeout(error)) throw error;
    throw new Error(`${messageOf(error)}: ${said}`);
  }
  shared.bytes += bytes;
  // Other work gets its turn before what may be many megabytes is looked through.
  await sleep(0);
  return readSnapshot(text());
}

function reasonOf(error: unknown, doing: string): string {
  if (!isTimeout(error)) return messageOf(error);
  const limit = doing.startsWith('prepare') ? PREPARE_LIMIT_MS : READ_LIMIT_MS;
  return `${doing} took longer than ${formatDuration(limit)}`;
}

const isTimeout = (error: unknown): boolean => error instanceof Error && error.name === 'TimeoutError';
