import { type ExitCode, exitCodeOf } from '../../deployment/outcome.ts';
import { formatDuration } from '../../deployment/units.ts';
import { ProblemError } from '../../errors.ts';
import type { DeploymentRow, JobRow, MergeRequestRow, RevisionRow } from '../../store/schema.ts';
import { followLog } from '../follow-log.ts';
import type { CiAnswer } from './answer.ts';
import type { CiContext } from './context.ts';
import { heldMessage } from './fork-approval.ts';

/** A job with the revision that it brought or found. */
interface Followed {
  readonly job: JobRow;
  readonly revision: RevisionRow;
  readonly deployment: DeploymentRow;
}

function followed(context: CiContext, jobId: number): Followed {
  const { store } = context;
  const job = store.jobs.get(jobId);
  if (job?.revisionId == null)
    throw new ProblemError('no-such-job', 409, 'This job has not sent its archive: there is no log to follow.');
  const revision = store.revisions.get(job.revisionId) as RevisionRow;
  return { job, revision, deployment: store.deployments.get(revision.deploymentId) as DeploymentRow };
}

/** The log of a job's revision, from byte `from` until the outcome is known. */
export function followJob(
  context: CiContext,
  jobId: number,
  options: { readonly from: number; readonly signal: AbortSignal },
): ReadableStream<Uint8Array> {
  const ended = () => exitCodeOfJob(context, followed(context, jobId)) !== undefined;
  return followLog(context.logs, followed(context, jobId).revision.id, { ...options, ended });
}

/** How the job ends, once that is known. */
export function jobOutcome(context: CiContext, jobId: number): CiAnswer {
  const found = followed(context, jobId);
  const exit = exitCodeOfJob(context, found);
  const say =
    exit === 75
      ? [`The place in the queue was not reached within ${formatDuration(found.job.timeoutMs)}. ${KEPT}`]
      : [];
  if (found.revision.state === 'held') {
    const mergeRequest = context.store.mergeRequests.get(found.deployment.mergeRequestId) as MergeRequestRow;
    say.push(...heldMessage(mergeRequest, found.revision.commit.sha));
  }
  return { url: context.previewUrl(found.deployment.name), say, exit };
}

const KEPT =
  'The place is kept: the branch is deployed when its turn comes, and the note in the merge request tells. Run this job again to follow it.';

function exitCodeOfJob(context: CiContext, { job, revision, deployment }: Followed): ExitCode | undefined {
  const exit = exitCodeOf(revision.state);
  if (exit !== undefined || revision.state !== 'queued' || deployment.waitingSince === null) return exit;
  // A job that is run again waits anew, for the same place.
  const since = Math.max(deployment.waitingSince, job.createdAt);
  return context.now() - since > job.timeoutMs ? 75 : undefined;
}
