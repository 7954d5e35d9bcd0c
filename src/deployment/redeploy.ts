import { parseMergeRequestRef } from './binding.ts';
import type { JobFacts, PipelineFacts } from './gitlab-facts.ts';

/** Somebody wants apps of a merge request to run again. Kept with the merge request until that was done, or could not be. */
export interface RedeployRequest {
  readonly deploymentIds: readonly number[];
  /** Display name of who asked. */
  readonly by: string;
  /** Ms since the epoch. */
  readonly at: number;
  /** What GitLab is being asked for: recorded before it is asked, so that a lost answer is looked for and nothing is asked twice. */
  readonly sent?: RedeployCall;
}

export type RedeployCall =
  /** A new merge-request pipeline; `after` is the newest one that was there before. */
  | { readonly kind: 'pipeline'; readonly after: number; readonly at: number }
  /** One more run of a job; `after` is the newest of that name before. */
  | {
      readonly kind: 'retry';
      readonly projectId: number;
      readonly pipelineId: number;
      readonly job: string;
      readonly after: number;
      readonly at: number;
    };

/** Adds to a request that nobody has acted on yet: two of them are one. */
export function mergeRedeploys(open: RedeployRequest | null, next: RedeployRequest): RedeployRequest {
  if (open === null) return next;
  return { ...open, deploymentIds: [...new Set([...open.deploymentIds, ...next.deploymentIds])] };
}

/** What is left of a request once some of its deployments were seen to; null where nothing is. */
export function withoutRedeploys(open: RedeployRequest | null, done: readonly number[]): RedeployRequest | null {
  const left = open?.deploymentIds.filter((id) => !done.includes(id)) ?? [];
  return open === null || left.length === 0 ? null : { deploymentIds: left, by: open.by, at: open.at };
}

/** What is left of a request once some of its deployments are not wanted any more. What GitLab was asked for goes on for the others. */
export function droppedRedeploys(open: RedeployRequest, dropped: readonly number[]): RedeployRequest | null {
  const left = withoutRedeploys(open, dropped);
  if (left === null || open.sent === undefined) return left;
  const isOthers = open.sent.kind === 'pipeline' || !dropped.includes(open.deploymentIds[0] as number);
  return isOthers ? { ...left, sent: open.sent } : left;
}

/** The newest merge-request pipeline of the head commit; undefined where GitLab made none. @param pipelines of the merge request, newest first */
export function headPipeline(pipelines: readonly PipelineFacts[], headSha: string): PipelineFacts | undefined {
  return pipelines.find(
    ({ source, sha, ref }) =>
      source === 'merge_request_event' && (sha === headSha || parseMergeRequestRef(ref)?.kind === 'merge'),
  );
}

/** GitLab's words for what has come to an end (doc/api/pipelines.md); everything else is on its way, or waits for somebody. */
const ENDED = new Set(['success', 'failed', 'canceled', 'skipped']);

/** Whether a pipeline or a job has come to its end. */
export function hasEnded({ status }: { readonly status: string }): boolean {
  return ENDED.has(status);
}

/**
 * How code that is not here any more comes again: by the deploy job of the head pipeline where that has run, else by a new pipeline,
 * unless one is on its way that will bring it.
 *
 * @param head pipeline of the head commit
 * @param jobs of that pipeline, retried ones too
 * @param own ids of those of its jobs that once deployed the app
 */
export function decideFallback(facts: {
  readonly head: PipelineFacts | undefined;
  readonly jobs: readonly JobFacts[];
  readonly own: readonly number[];
}):
  | { readonly step: 'retry'; readonly job: JobFacts }
  | { readonly step: 'pipeline' }
  | { readonly step: 'under-way' } {
  const { head, jobs, own } = facts;
  if (head === undefined) return { step: 'pipeline' };
  const name = jobs.find(({ id }) => own.includes(id))?.name;
  const newest = jobs.filter((job) => job.name === name).toSorted((one, other) => other.id - one.id)[0];
  if (newest === undefined) return { step: hasEnded(head) || head.status === 'manual' ? 'pipeline' : 'under-way' };
  if (!hasEnded(newest)) return { step: newest.status === 'manual' ? 'pipeline' : 'under-way' };
  return newest.status === 'skipped' ? { step: 'pipeline' } : { step: 'retry', job: newest };
}
