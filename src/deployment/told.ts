import type { HeadRemark } from './gitlab-facts.ts';
import type { StopReason, Wanted } from './phase.ts';

/** What a webhook says that a merge request is. It is never taken over: it only shows whether there is anything to read that was not read before. */
export interface Told {
  readonly state: string;
  readonly headSha: string;
  readonly title: string;
  readonly targetBranch: string;
}

const TOLD = ['state', 'headSha', 'title', 'targetBranch'] as const satisfies readonly (keyof Told)[];

/** A merge request as it was last read. */
interface Known extends Told {
  readonly headRemark: HeadRemark | null;
  readonly unreadableSince: number | null;
}

/** One of its deployments. */
interface App {
  readonly wanted: Wanted;
  readonly stopReason: StopReason | null;
  /** Commit of its latest revision; undefined where it has none. */
  readonly latestSha: string | undefined;
}

/**
 * Whether a webhook only repeats what was read from GitLab, and all that follows from it is wanted already: the webhook of a push or a close
 * often comes after the job that it brought. A webhook that tells of anything else has the merge request read.
 *
 * @param apps asked for where the merge request itself is as it is told
 */
export function isKnown(told: Partial<Told>, known: Known, apps: () => readonly App[]): boolean {
  if (known.unreadableSince !== null) return false;
  // What is remembered of an earlier head is forgotten by a read: it would be told as soon as a push back makes it the head again.
  if (known.headRemark !== null && known.headRemark.sha !== known.headSha) return false;
  if (!isRepeated(told, known)) return false;
  return apps().every((app) => isSettled(app, known));
}

/** Whether what a webhook says of a merge request is what was read of it, as far as it says it. */
export function isRepeated(told: Partial<Told>, read: Told): boolean {
  return TOLD.every((field) => told[field] === undefined || told[field] === read[field]);
}

function isSettled({ wanted, stopReason, latestSha }: App, { state, headSha, headRemark }: Known): boolean {
  if (state !== 'opened' && state !== 'locked') return wanted === 'stopped' && stopReason === state;
  if (wanted === 'stopped') return stopReason === 'undeployed';
  return latestSha === undefined || latestSha === headSha || headRemark?.sha === headSha;
}
