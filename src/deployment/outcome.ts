import type { RevisionState } from './phase.ts';

/** How a pipeline's job ends; the numbers are the component's contract with its users (README, "Exit codes"). */
export type ExitCode = 0 | 1 | 2 | 75;

/** Exit code of a job whose revision is in this state; undefined while it is not decided. */
export function exitCodeOf(state: RevisionState): ExitCode | undefined {
  switch (state) {
    case 'healthy':
    case 'superseded':
      return 0;
    case 'failed':
      return 1;
    case 'held':
      return 2;
    case 'queued':
    case 'starting':
      return undefined;
    default:
      return state satisfies never;
  }
}
