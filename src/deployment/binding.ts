import type { JobClaims, MergeRequestFacts, PipelineFacts } from './gitlab-facts.ts';

/**
 * Binding a job to a merge request (README, "Trust"). An ID token names no merge request, and any job of the branch could ask for our
 * audience: the pipeline's ref is the proof.
 */

export interface Refusal {
  readonly decision: 'refused';
  readonly type: string;
  readonly message: string;
}

const refuse = (type: string, message: string): Refusal => ({ decision: 'refused', type, message });

/** What the token alone tells: the right kind of pipeline and of job. */
export function checkJobClaims(claims: JobClaims, action: 'start' | 'stop'): Refusal | undefined {
  if (claims.pipelineSource !== 'merge_request_event') {
    return refuse(
      'not-a-merge-request-pipeline',
      `This job belongs to a pipeline of source "${claims.pipelineSource}", not to a merge-request pipeline. A branch deployment needs one: ` +
        `let the job run with the rule  if: $CI_PIPELINE_SOURCE == "merge_request_event"  (the component's default).`,
    );
  }
  if (claims.environmentAction !== action || claims.environment === null) {
    return refuse(
      'wrong-environment-action',
      `The ID token is of a job with environment action "${claims.environmentAction ?? 'none'}", and this call takes "${action}". ` +
        `Use the component's own jobs; do not copy their script into another job.`,
    );
  }
  return undefined;
}

/** Which commit of which merge request a pipeline's ref names; undefined where it is a branch's or a tag's pipeline. */
export function parseMergeRequestRef(
  ref: string,
): { readonly iid: number; readonly kind: 'head' | 'merge' } | undefined {
  const match = /^refs\/merge-requests\/(\d+)\/(head|merge|train)$/.exec(ref);
  if (!match || match[2] === 'train') return undefined;
  return { iid: Number(match[1]), kind: match[2] as 'head' | 'merge' };
}

/** Whether the pipeline belongs to the merge request that the job names. */
export function checkPipeline(pipeline: PipelineFacts, iid: number): Refusal | undefined {
  const bound = parseMergeRequestRef(pipeline.ref);
  if (bound?.iid === iid) return undefined;
  return refuse(
    'wrong-merge-request',
    `The job says merge request !${iid}, but its pipeline ${pipeline.id} belongs to ${bound ? `!${bound.iid}` : `"${pipeline.ref}"`}. ` +
      'Do not set CI_MERGE_REQUEST_IID by hand; run the job in a pipeline of that merge request.',
  );
}

export type HeadCheck =
  | { readonly decision: 'current' }
  | { readonly decision: 'superseded'; readonly message: string }
  /** GitLab's reads may be stale: ask again for a while. */
  | { readonly decision: 'behind' };

/**
 * Whether a job's commit is the head of its merge request.
 *
 * @param commit sha of the branch's commit that the pipeline runs (not of a merged result)
 * @param pipelines of the merge request, any order
 */
export function checkHead(
  commit: string,
  mergeRequest: MergeRequestFacts,
  pipelines: { readonly own: number; readonly all: readonly PipelineFacts[] },
): HeadCheck {
  if (mergeRequest.headSha === commit) return { decision: 'current' };
  const newer = pipelines.all.find((pipeline) => pipeline.id > pipelines.own && pipeline.sha !== commit);
  if (newer === undefined) return { decision: 'behind' };
  return {
    decision: 'superseded',
    message: `A newer push is there (${mergeRequest.headSha.slice(0, 8)}, pipeline ${newer.id}): its job deploys, this one does nothing.`,
  };
}

/** Whether a merge request may be deployed now. */
export function checkOpen(mergeRequest: MergeRequestFacts): Refusal | undefined {
  if (mergeRequest.state === 'opened' || mergeRequest.state === 'locked') return undefined;
  return refuse(
    'merge-request-not-open',
    `Merge request !${mergeRequest.iid} is ${mergeRequest.state}: only an open one gets a branch deployment.${
      mergeRequest.state === 'closed' ? ' Reopen it, and run a new pipeline.' : ''
    }`,
  );
}
