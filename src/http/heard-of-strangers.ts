import { LRUCache } from 'lru-cache';

/** Longer than the first call of a deploy job takes, with GitLab's reads lagging behind. */
const REMEMBERED_MS = 120_000;
const MOST = 1_000;

/**
 * Merge requests that nothing is known of, and that a webhook called closed or merged, or gave a command for: one whose first deploy job is
 * just being answered was read before, and nobody else would look at it again for minutes. Where this is lost with the process, the sweep
 * finds it.
 */
export interface HeardOfStrangers {
  add(projectId: number, iid: number): void;
  has(projectId: number, iid: number): boolean;
}

/** Remembers each for two minutes, and a thousand of them. */
export function createHeardOfStrangers(): HeardOfStrangers {
  const heardOf = new LRUCache<string, true>({ max: MOST, ttl: REMEMBERED_MS });
  return {
    add: (projectId, iid) => void heardOf.set(`${projectId} ${iid}`, true),
    has: (projectId, iid) => heardOf.has(`${projectId} ${iid}`),
  };
}
