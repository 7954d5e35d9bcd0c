import type { MergeRequestFacts, ProjectFacts } from './gitlab-facts.ts';
import type { StopReason } from './phase.ts';

/** What GitLab answered when it was asked about a merge request. An answer that never came is none of these: it says nothing. */
export type Reading =
  | { readonly answer: 'merge-request'; readonly facts: MergeRequestFacts }
  /** 404 for the merge request, while its project answers and shows its merge requests. */
  | { readonly answer: 'no-merge-request' }
  /** 404 for the project, while GitLab answers and takes the token. */
  | { readonly answer: 'no-project' }
  /** 401 or 403, or a role that sees no merge requests. `why` says what to change. */
  | { readonly answer: 'refused'; readonly why: string };

/** What earlier readings found, as far as they count for the next one. */
export interface Memory {
  /** Readings in a row with the same answer, where that was no merge request. */
  readonly timesMissing: number;
  /** Since when it has been that answer; null while the merge request can be read. Ms since the epoch. */
  readonly unreadableSince: number | null;
  readonly unreadableWhy: string | null;
}

export type Verdict =
  /** It is open: what is wanted stays, and what its close had stopped comes back. */
  | { readonly wanted: 'running' }
  | { readonly wanted: 'stopped'; readonly reason: StopReason; readonly memory?: Memory }
  /** Nothing is known, so nothing changes. */
  | { readonly wanted: 'as-it-is'; readonly memory: Memory; readonly lookAgainMs: number };

/** Between the two reads that together prove that a merge request is gone: a lagging replica has caught up by then. */
const SECOND_LOOK_MS = 30_000;
/**
 * A project that is gone and one that the bot was thrown out of look the same (404 both), and the second is a mistake that somebody mends:
 * after a long weekend it is taken for gone.
 */
const PROJECT_GONE_MS = 72 * 3_600_000;
const PROJECT_GONE_READS = 12;
/** How often something is looked at that GitLab refuses to show: seldom, and for all merge requests alike. */
const UNREADABLE_LOOK_MS = 5 * 60_000;

const NO_MERGE_REQUEST = 'GitLab answers 404 for the merge request, while its project is there.';
const NO_PROJECT =
  'GitLab answers 404 for the project: it was deleted, or the bot is no member any more. If it still exists, give the bot the role Developer in it again.';
const GUEST_ADVICE = "The bot's role in the project shows it no merge requests: it needs the role Developer.";

/** GitLab's number for the role Reporter (doc/api/members.md), the lowest that reads merge requests of a private project. */
const REPORTER = 20;

/**
 * Whether a 404 for a merge request is its own: GitLab says 404 as well to those who may not see merge requests (doc/user/permissions.md).
 * @param level the bot's own role in the project; 0 where it is no member, but may read it all the same (public project, administrator)
 * @returns the refusal, undefined where the bot sees merge requests
 */
export function hidesMergeRequests(project: ProjectFacts, level: number): Reading | undefined {
  if (project.mergeRequests === 'disabled')
    return { answer: 'refused', why: 'Merge requests are switched off in the project: switch them on again.' };
  const sees = level >= REPORTER || (level === 0 && project.mergeRequests === 'enabled');
  return sees ? undefined : { answer: 'refused', why: GUEST_ADVICE };
}

/** What a reading, with those before it, makes wanted. Something is removed on positive evidence only (README, "What happens when"). */
export function judge(reading: Reading, before: Memory & { readonly state: string }, now: number): Verdict {
  switch (reading.answer) {
    case 'merge-request': {
      const { state } = reading.facts;
      // What says so after a merge is from before it.
      if (before.state === 'merged') return { wanted: 'stopped', reason: 'merged' };
      if (state === 'merged' || state === 'closed') return { wanted: 'stopped', reason: state };
      return { wanted: 'running' };
    }
    case 'no-merge-request': {
      const memory = remember(before, NO_MERGE_REQUEST, now);
      return memory.timesMissing >= 2 && lasted(memory, now) >= SECOND_LOOK_MS
        ? { wanted: 'stopped', reason: 'deleted', memory }
        : { wanted: 'as-it-is', memory, lookAgainMs: SECOND_LOOK_MS };
    }
    case 'no-project': {
      const memory = remember(before, NO_PROJECT, now);
      return memory.timesMissing >= PROJECT_GONE_READS && lasted(memory, now) >= PROJECT_GONE_MS
        ? { wanted: 'stopped', reason: 'unreadable', memory }
        : { wanted: 'as-it-is', memory, lookAgainMs: UNREADABLE_LOOK_MS };
    }
    case 'refused': {
      // The words may name another request each time.
      const since = before.timesMissing === 0 ? before.unreadableSince : null;
      const memory = { timesMissing: 0, unreadableSince: since ?? now, unreadableWhy: reading.why };
      return { wanted: 'as-it-is', memory, lookAgainMs: UNREADABLE_LOOK_MS };
    }
    default:
      return reading satisfies never;
  }
}

/** Another answer than the last one begins to count anew. */
function remember(before: Memory, why: string, now: number): Memory {
  if (before.unreadableSince === null || before.unreadableWhy !== why)
    return { timesMissing: 1, unreadableSince: now, unreadableWhy: why };
  return { ...before, timesMissing: before.timesMissing + 1 };
}

const lasted = (memory: Memory, now: number) => now - (memory.unreadableSince ?? now);
