/** Somebody wants apps of a merge request to run again. Kept with the merge request until that was done, or could not be. */
export interface RedeployRequest {
  readonly deploymentIds: readonly number[];
  /** Display name of who asked. */
  readonly by: string;
  /** Ms since the epoch. */
  readonly at: number;
}

/** Adds to a request that nobody has acted on yet: two of them are one. */
export function mergeRedeploys(open: RedeployRequest | null, next: RedeployRequest): RedeployRequest {
  if (open === null) return next;
  return { ...open, deploymentIds: [...new Set([...open.deploymentIds, ...next.deploymentIds])] };
}

/** What is left of a request once some of its deployments were seen to; null where nothing is. */
export function withoutRedeploys(open: RedeployRequest | null, done: readonly number[]): RedeployRequest | null {
  const left = open?.deploymentIds.filter((id) => !done.includes(id)) ?? [];
  return open === null || left.length === 0 ? null : { ...open, deploymentIds: left };
}
