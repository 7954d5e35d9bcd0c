import type { HeadRemark, PipelineFacts } from './gitlab-facts.ts';
import { hasEnded, headPipeline } from './redeploy.ts';

/** Most deploy jobs have come by then: nothing is asked about a head before. */
const FIRST_LOOK_MS = 10_000;
/** GitLab makes pipelines beside its answer to the push; with none after this time there will be none. */
const NO_PIPELINE_MS = 60_000;
/** A pipeline's end comes by webhook; this is for the lost ones. */
const LATER_LOOK_MS = 5 * 60_000;

/**
 * What is known of a head commit that no deploy job has brought.
 *
 * @param before what was known at the last look; of another commit it counts for nothing
 * @param now ms since the epoch
 */
export function firstRemark(headSha: string, before: HeadRemark | null, now: number): HeadRemark {
  return before?.sha === headSha ? before : { sha: headSha, kind: 'waiting', pipelineUrl: null, since: now };
}

/** How long to wait before GitLab is asked about the head's pipeline; 0 where it is time. */
export function waitToLookMs(remark: HeadRemark, now: number): number {
  return Math.max(0, remark.since + FIRST_LOOK_MS - now);
}

/**
 * Whether the head commit will still be deployed by itself, by its pipeline.
 *
 * @param pipelines of the merge request, newest first
 * @param deployedBy pipeline that brought the latest revision: one that is not newer is of an older commit
 */
export function judgeHead(
  remark: HeadRemark,
  facts: { readonly pipelines: readonly PipelineFacts[]; readonly deployedBy: number; readonly now: number },
): { readonly remark: HeadRemark; readonly lookAgainMs?: number } {
  const newer = facts.pipelines.filter(({ id }) => id > facts.deployedBy);
  const pipeline = headPipeline(newer, remark.sha);
  const waiting: HeadRemark = { ...remark, kind: 'waiting', pipelineUrl: null };
  if (pipeline === undefined) {
    const leftMs = remark.since + NO_PIPELINE_MS - facts.now;
    return leftMs > 0
      ? { remark: waiting, lookAgainMs: leftMs }
      : { remark: { ...remark, kind: 'skipped', pipelineUrl: null } };
  }
  // A manual one waits for a person, perhaps for ever.
  if (!hasEnded(pipeline) && pipeline.status !== 'manual') return { remark: waiting, lookAgainMs: LATER_LOOK_MS };
  const kind = pipeline.status === 'failed' || pipeline.status === 'canceled' ? pipeline.status : 'skipped';
  return { remark: { ...remark, kind, pipelineUrl: pipeline.webUrl } };
}
