import type { Phase } from './phase.ts';

/** A deployment that is on its way, or on its way out, is told of only if it takes longer than this: most are there before anybody could read of it. */
const ON_ITS_WAY_MS = 1_500;

/** When the note is to be looked at after a deployment came to a phase; ms since the epoch. */
export function noteDueAt(phase: Phase, now: number): number {
  return phase === 'queued' || phase === 'deploying' || phase === 'stopping' ? now + ON_ITS_WAY_MS : now;
}
