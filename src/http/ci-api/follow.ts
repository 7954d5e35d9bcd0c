import { exitCodeOf } from '../../deployment/outcome.ts';
import { ProblemError } from '../../errors.ts';
import type { DeploymentRow, RevisionRow } from '../../store/schema.ts';
import type { CiAnswer } from './answer.ts';
import type { CiContext } from './context.ts';

const CHUNK_BYTES = 64 * 1024;
/** A log without news is looked at this often all the same. */
const LOOK_AGAIN_MS = 2_000;

function revisionOfJob(context: CiContext, jobId: number): RevisionRow {
  const revisionId = context.store.jobs.get(jobId)?.revisionId;
  if (revisionId == null)
    throw new ProblemError('no-such-job', 409, 'This job has not sent its archive: there is no log to follow.');
  return context.store.revisions.get(revisionId) as RevisionRow;
}

/**
 * The log of a job's revision as bytes, from byte `from` until the outcome is known. A connection that breaks is resumed by asking from
 * the byte where it stopped.
 */
export function followLog(
  context: CiContext,
  jobId: number,
  options: { readonly from: number; readonly signal: AbortSignal },
): ReadableStream<Uint8Array> {
  const { id } = revisionOfJob(context, jobId);
  let offset = options.from;
  return new ReadableStream({
    async pull(controller) {
      while (!options.signal.aborted) {
        // Asked before reading: what is written between the two is then found by the next pull, and never lost.
        const decided = exitCodeOf((context.store.revisions.get(id) as RevisionRow).state) !== undefined;
        const news = context.logs.changed(id, LOOK_AGAIN_MS);
        const chunk = await context.logs.read(id, offset, CHUNK_BYTES);
        if (chunk.length > 0) {
          offset += chunk.length;
          controller.enqueue(chunk);
          return;
        }
        if (decided) break;
        await news;
      }
      controller.close();
    },
  });
}

/** How the job ends, once that is known. */
export function jobOutcome(context: CiContext, jobId: number): CiAnswer {
  const revision = revisionOfJob(context, jobId);
  const deployment = context.store.deployments.get(revision.deploymentId) as DeploymentRow;
  return { url: context.previewUrl(deployment.name), exit: exitCodeOf(revision.state) };
}
