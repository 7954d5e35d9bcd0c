import type { StateChange } from './gitlab-facts.ts';
import type { StopReason } from './phase.ts';

/** What a stop job shows by itself. */
interface StopJob {
  readonly pipelineId: number;
  /** When it was queued, by GitLab's clock; ms since the epoch. Null where GitLab does not say. */
  readonly queuedAt: number | null;
}

/** The deployment that it would stop, as it is now. */
interface Stoppable {
  /** Pipeline of its latest revision. */
  readonly pipelineId: number;
  /** When it was last wanted to run; ms since the epoch. */
  readonly wantedAt: number;
}

const DEPLOYED_AGAIN =
  'The branch was deployed again after this stop job was queued (a push, a reopen or /deploy): the job does nothing.';
const REOPENED = 'The merge request was reopened after this stop job was queued: the job does nothing.';

/** What the deployment shows to have come after a stop job, in a sentence for the job's log; undefined where nothing did. */
export function whatOvertook(job: StopJob, deployment: Stoppable): string | undefined {
  if (job.pipelineId < deployment.pipelineId)
    return `A newer pipeline (${deployment.pipelineId}) has deployed since: this stop job is of an older one (${job.pipelineId}) and does nothing.`;
  return job.queuedAt === null || deployment.wantedAt <= job.queuedAt ? undefined : DEPLOYED_AGAIN;
}

/** Why a stop job stops, or the sentence that says why it does not. */
export type StopVerdict = { readonly reason: StopReason } | { readonly overtaken: string };

/**
 * Whose a stop job is that came while its merge request was read as open. GitLab plays it for a close as well, right after it has recorded
 * that (app/services/merge_requests/close_service.rb), and a runner may take it when all is open again: the close is then known to GitLab's
 * record alone.
 *
 * @param changes closes, reopens and merges of the merge request, oldest first
 */
export function judgeStopJob({ queuedAt }: Pick<StopJob, 'queuedAt'>, changes: readonly StateChange[]): StopVerdict {
  const last = changes.at(-1);
  if (last === undefined) return { reason: 'undeployed' };
  // The read was of a copy that lags behind. A merge is believed only where the merge request itself is read as merged: it is for good.
  if (last.ended) return { reason: 'closed' };
  return queuedAt !== null && last.at >= queuedAt ? { overtaken: REOPENED } : { reason: 'undeployed' };
}
