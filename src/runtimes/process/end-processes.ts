import { setTimeout as delay } from 'node:timers/promises';
import { isAlive, type ProcessId } from './process-table.ts';

/** How long a killed process may take to vanish: longer means that the system holds it, in a stuck disk or network call. */
const VANISH_MS = 10_000;

/**
 * Ends what `find` gives: TERM, then after `graceMs` KILL, until it gives nothing any more.
 * Signals go to single processes that were identified a moment ago, never to a number that may have changed hands.
 * Rejects where a process outlives KILL.
 */
export async function endProcesses(find: () => readonly ProcessId[], options: { graceMs: number }): Promise<void> {
  let found = find();
  const killAt = Date.now() + options.graceMs;
  const told = new Set<string>();
  for (let pause = 10; found.length > 0; pause = Math.min(pause * 1.5, 200)) {
    const kill = Date.now() >= killAt;
    if (Date.now() > killAt + VANISH_MS)
      throw new Error(`processes ${found.map(({ pid }) => pid).join(', ')} do not end`);
    for (const id of found) {
      const key = `${id.pid} ${id.startedAt}`;
      if (kill || !told.has(key)) signalProcess(id, kill ? 'SIGKILL' : 'SIGTERM');
      told.add(key);
    }
    await delay(kill ? pause : Math.min(pause, Math.max(killAt - Date.now(), 1)));
    // The whole table is read again when the known ones are gone (they may have left children), and at each KILL.
    const left = kill ? [] : found.filter(isAlive);
    found = left.length > 0 && Date.now() < killAt ? left : find();
  }
}

/** Sends a signal to this very process; fine where it is gone. */
function signalProcess(id: ProcessId, signal: NodeJS.Signals): void {
  if (!isAlive(id)) return;
  try {
    process.kill(id.pid, signal);
  } catch (error) {
    // EPERM: it changed its user. It may still end by itself, with what started it.
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ESRCH' && code !== 'EPERM') throw error;
  }
}
