/** What is wanted of a deployment. */
export type Wanted = 'running' | 'stopped';

/** Why a deployment is not wanted any more. `unreadable`: its project could not be read for so long that it is taken for gone. */
export const STOP_REASONS = ['merged', 'closed', 'undeployed', 'deleted', 'unreadable'] as const;
export type StopReason = (typeof STOP_REASONS)[number];

/**
 * Where a revision is on its way.
 * `held`: a fork's commit that nobody has approved yet; `queued`: not launched yet; `starting`: launched, not healthy yet; then it ends as one of the others.
 * A healthy revision that crashes is `starting` again.
 */
export type RevisionState = 'held' | 'queued' | 'starting' | 'healthy' | 'failed' | 'superseded';

/** What a deployment is in, for people; derived from wanted and observed, stored for reading. */
export const PHASES = ['queued', 'deploying', 'running', 'failed', 'stopping', 'stopped'] as const;
export type Phase = (typeof PHASES)[number];

/** The phase that follows from what is wanted, the latest revision, and what was observed. */
export function derivePhase(facts: {
  readonly wanted: Wanted;
  /** State of the latest revision that was not superseded; undefined where there is none. */
  readonly latest: RevisionState | undefined;
  /** Whether all of it was observed to be gone since it is not wanted any more. */
  readonly gone: boolean;
}): Phase {
  if (facts.wanted === 'stopped') return facts.gone ? 'stopped' : 'stopping';
  switch (facts.latest) {
    case undefined:
    case 'held':
    case 'queued':
    case 'superseded':
      return 'queued';
    case 'starting':
      return 'deploying';
    case 'healthy':
      return 'running';
    case 'failed':
      return 'failed';
    default:
      return facts.latest satisfies never;
  }
}
