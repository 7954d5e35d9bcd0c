import { LRUCache } from 'lru-cache';

/** Longer than the first call of a deploy job takes, with GitLab's reads lagging behind. */
const REMEMBERED_MS = 120_000;
const MOST = 1_000;

/**
 * Merge requests that nothing is known of, and that a webhook called closed or merged: one whose first deploy job is just being answered was
 * read as open before, and nobody else would look at it again for minutes. Where this is lost with the process, the sweep finds it.
 */
export interface EndedStrangers {
  add(projectId: number, iid: number): void;
  has(projectId: number, iid: number): boolean;
}

/** Remembers each for two minutes, and a thousand of them. */
export function createEndedStrangers(): EndedStrangers {
  const ended = new LRUCache<string, true>({ max: MOST, ttl: REMEMBERED_MS });
  return {
    add: (projectId, iid) => void ended.set(`${projectId} ${iid}`, true),
    has: (projectId, iid) => ended.has(`${projectId} ${iid}`),
  };
}
