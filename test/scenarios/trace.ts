import type { Job } from '../support/gitlab/state.ts';

/** The last lines that a job itself printed: the runner adds one about how it ended. */
export function lastLines(job: Pick<Job, 'trace'> | undefined, count: number): string[] {
  const lines = (job?.trace ?? '').trimEnd().split('\n');
  return (/^(ERROR: )?Job (succeeded|failed)/.test(lines.at(-1) ?? '') ? lines.slice(0, -1) : lines).slice(-count);
}
