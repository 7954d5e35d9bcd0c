import { LRUCache } from 'lru-cache';
import type { MergeRequestFacts } from '../deployment/gitlab-facts.ts';
import { isRepeated, type Told } from '../deployment/told.ts';

/** Longer than the first call of a deploy job takes, with GitLab's reads lagging behind. */
const REMEMBERED_MS = 120_000;
const MOST = 2_000;
/** Longer than the names of a project's branch and a title may be; what is said in more is not remembered. */
const LONGEST = 2_000;
/** Of one merge request or branch. More than that is not compared any more. */
const MOST_TOLD = 4;

/** What webhooks said; `look` where that is more than a read of the merge request shows. */
type Heard = readonly Partial<Told>[] | 'look';

/**
 * What webhooks have told of merge requests that nothing is known of, and of branches: one whose first deploy job is just being answered
 * was read before, and nobody else would look at it again for minutes. Where this is lost with the process, the sweep finds it.
 */
export interface HeardOfStrangers {
  /** @param told what it is said to be; undefined for a comment with a command, and where not all of it is said */
  mergeRequest(projectId: number, iid: number, told: Told | undefined): void;
  /** @param projectId the project that was pushed to */
  branch(projectId: number, branch: string, headSha: string | undefined): void;
  /** Whether anything was told that this read does not show. Webhooks come in any order, so one of before the read counts as well. */
  isMoreThan(read: MergeRequestFacts): boolean;
}

/** Remembers for two minutes, and two thousand merge requests and branches. */
export function createHeardOfStrangers(): HeardOfStrangers {
  const heardOf = new LRUCache<string, Heard>({ max: MOST, ttl: REMEMBERED_MS });
  const add = (key: string, told: Partial<Told> | undefined) => {
    const before = heardOf.get(key) ?? [];
    if ([key, ...Object.values(told ?? {})].join('').length > LONGEST) return;
    const isLook = told === undefined || before === 'look' || before.length === MOST_TOLD;
    heardOf.set(key, isLook ? 'look' : [...before, told]);
  };
  return {
    mergeRequest: (projectId, iid, told) => add(mergeRequestKey(projectId, iid), told),
    branch: (projectId, branch, headSha) =>
      add(branchKey(projectId, branch), headSha === undefined ? undefined : { headSha }),
    isMoreThan(read) {
      const keys = [mergeRequestKey(read.projectId, read.iid), branchKey(read.sourceProjectId, read.sourceBranch)];
      return keys.some((key) => {
        const heard = heardOf.get(key) ?? [];
        return heard === 'look' || heard.some((told) => !isRepeated(told, read));
      });
    },
  };
}

const mergeRequestKey = (projectId: number, iid: number) => `${projectId}!${iid}`;
const branchKey = (projectId: number | null, branch: string) => `${projectId} ${branch}`;
