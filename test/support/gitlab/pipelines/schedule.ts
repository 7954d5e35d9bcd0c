import type { JobStatus, Pipeline } from '../state.ts';
import type { Configuration } from './definition.ts';
import type { JobRun } from './execute-job.ts';

/** Which jobs of a pipeline run next, and how the pipeline stands. Pure. */

const ended = (status: JobStatus) => ['success', 'failed', 'canceled', 'skipped'].includes(status);

/** Jobs that a job waits for; the ones of `needs` must exist unless optional. */
export function prerequisitesOf(run: JobRun, runs: readonly JobRun[], stages: Configuration['stages']): JobRun[] {
  const { needs, stage } = run.definition;
  if (needs === undefined) {
    return runs.filter((other) => stages.indexOf(other.definition.stage) < stages.indexOf(stage));
  }
  return needs.flatMap(({ job, optional }) => {
    const found = runs.filter((other) => other.definition.name === job);
    if (found.length === 0 && !optional) {
      throw new Error(`'${run.definition.name}' job needs '${job}' job, but '${job}' does not exist in the pipeline`);
    }
    return found;
  });
}

/** Whose files and dotenv reports a job takes over. */
export function sourcesOf(run: JobRun, runs: readonly JobRun[], stages: Configuration['stages']): JobRun[] {
  const { needs, dependencies } = run.definition;
  const before = prerequisitesOf(run, runs, stages);
  return before.filter(({ definition }) => {
    if (dependencies !== undefined && !dependencies.includes(definition.name)) return false;
    return needs === undefined || needs.some((need) => need.job === definition.name && need.artifacts);
  });
}

export function allowedToFail(run: JobRun): boolean {
  const { allowFailure } = run.definition;
  if (typeof allowFailure === 'boolean') return allowFailure;
  return run.job.exitCode !== null && allowFailure.exitCodes.includes(run.job.exitCode);
}

export type Decision = 'wait' | 'run' | 'skip';

/** What to do with a job that is in status `created`. */
export function decide(run: JobRun, runs: readonly JobRun[], stages: Configuration['stages']): Decision {
  const before = prerequisitesOf(run, runs, stages);
  const byNeeds = run.definition.needs !== undefined;
  for (const other of before) {
    // An optional manual job holds up no later stage, but it does hold up who needs it.
    if (other.job.status === 'manual' && !byNeeds && allowedToFail(other)) continue;
    if (!ended(other.job.status)) return 'wait';
  }
  const failed = before.some(({ job, ...other }) => {
    if (job.status === 'failed') return !allowedToFail({ job, ...other });
    return job.status === 'canceled' || (job.status === 'skipped' && !(other.definition.when === 'on_failure'));
  });
  switch (run.definition.when) {
    case 'always':
      return 'run';
    case 'on_failure':
      return failed ? 'run' : 'skip';
    default:
      return failed ? 'skip' : 'run';
  }
}

/** A pipeline's status, as GitLab derives it from its jobs. */
export function statusOf(pipeline: Pipeline, runs: readonly JobRun[]): JobStatus {
  const counted = runs.filter((run) => !(run.job.status === 'manual' && allowedToFail(run)));
  const statuses = counted.map(({ job }) => job.status);
  if (statuses.length === 0) return runs.length > 0 ? 'skipped' : pipeline.status;
  if (statuses.some((status) => status === 'running' || status === 'pending')) return 'running';
  if (statuses.includes('manual')) return 'manual';
  if (statuses.includes('created')) return statuses.every((status) => status === 'created') ? 'created' : 'running';
  if (counted.some((run) => run.job.status === 'failed' && !allowedToFail(run))) return 'failed';
  if (statuses.includes('canceled')) return 'canceled';
  return statuses.every((status) => status === 'skipped') ? 'skipped' : 'success';
}
