import { setTimeout as sleep } from 'node:timers/promises';
import { readSnapshot, type Snapshot } from '../../changes/snapshot.ts';
import type { Step } from '../../deployment/launch.ts';
import { formatBytes, formatDuration } from '../../deployment/units.ts';
import { messageOf } from '../../errors.ts';
import type { Beside } from '../../runtimes/runtime.ts';

/** A project that takes longer to load is not compared. */
const READ_LIMIT_MS = 5 * 60_000;
const PREPARE_LIMIT_MS = 10 * 60_000;
const MOST_BYTES = 64 * 1024 * 1024;

/** What was read of one code location: its snapshot, or why there is none. */
export type ReadLocation = Snapshot | { readonly status: 'unread'; readonly reason: string };

/**
 * Runs the steps that read a location (`DefinitionsReader`). What goes wrong is the location's own; whoever calls looks whether the instance
 * is still there.
 *
 * @param done steps that have run in this tree, by what they are: they are not repeated
 */
export async function readLocation(
  beside: Beside,
  steps: readonly Step[],
  done: Map<string, Promise<void>>,
): Promise<ReadLocation> {
  const last = steps.at(-1) as Step;
  let doing = last.name;
  try {
    for (const step of steps.slice(0, -1)) {
      doing = step.name;
      await once(beside, step, done);
    }
    doing = last.name;
    return await readLast(beside, last);
  } catch (error) {
    return { status: 'unread', reason: reasonOf(error, doing) };
  }
}

function once(beside: Beside, step: Step, done: Map<string, Promise<void>>): Promise<void> {
  const key = JSON.stringify([step.directory, step.command]);
  const running =
    done.get(key) ?? beside.run(step, { onOutput: () => {}, signal: AbortSignal.timeout(PREPARE_LIMIT_MS) });
  done.set(key, running);
  return running;
}

async function readLast(beside: Beside, step: Step): Promise<Snapshot> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  const tooMuch = new AbortController();
  const onOutput = (chunk: Uint8Array): void => {
    bytes += chunk.length;
    if (bytes > MOST_BYTES) tooMuch.abort(new Error(`its definitions are more than ${formatBytes(MOST_BYTES)}`));
    else chunks.push(chunk);
  };
  const text = (): string => Buffer.concat(chunks).toString();
  try {
    await beside.run(step, { onOutput, signal: AbortSignal.any([AbortSignal.timeout(READ_LIMIT_MS), tooMuch.signal]) });
  } catch (error) {
    const said = text().trim().split('\n').at(-1) ?? '';
    if (said === '' || tooMuch.signal.aborted || isTimeout(error)) throw error;
    throw new Error(`${messageOf(error)}: ${said}`);
  }
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
