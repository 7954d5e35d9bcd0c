import { parseCommand } from './commands.ts';
import type { NoteFacts } from './gitlab-facts.ts';

/** `BD_FORKS`: code of merge requests from forks never runs, or each commit that a Developer of the target project approved. */
export type ForkPolicy = 'never' | 'approved';

/** What decides whether a merge request's code may run. */
export interface ForkFacts {
  /** The target project. */
  readonly projectId: number;
  /** Null where the fork is gone. */
  readonly sourceProjectId: number | null;
  /** The one commit that may run, whole. */
  readonly approvedSha: string | null;
}

/** Whether a merge request comes from another project: wherever its pipeline runs, its code is not the project's own. */
export function isFork({ projectId, sourceProjectId }: Pick<ForkFacts, 'projectId' | 'sourceProjectId'>): boolean {
  return sourceProjectId !== projectId;
}

/** Whether a commit of a merge request may run. Asked again before each start, whatever led to it; in doubt it may not. */
export function mayRun(mergeRequest: ForkFacts | undefined, sha: string, policy: ForkPolicy): boolean {
  if (mergeRequest === undefined) return false;
  if (!isFork(mergeRequest)) return true;
  return policy === 'approved' && sha !== '' && mergeRequest.approvedSha === sha;
}

/** The comment that approves a commit. The whole id: its first 8 characters can be forged while somebody reads the code. */
export function approvalLine(sha: string): string {
  return `/deploy ${sha}`;
}

/** Whether what stands after `/deploy` names this commit: its first 8 characters, or more. */
export function namesCommit(argument: string, sha: string): boolean {
  return /^[0-9a-f]{8,64}$/i.test(argument) && sha.startsWith(argument.toLowerCase());
}

/**
 * Comments that approve a commit, if their authors may, oldest first.
 * @param own id of the service's user: its own comments approve nothing
 */
export function approvalsIn(notes: readonly NoteFacts[], options: { readonly sha: string; readonly own: number }) {
  return notes.filter((note) => {
    if (note.system || note.author.id === options.own) return false;
    const asked = parseCommand(note.body);
    return asked?.command === 'deploy' && namesCommit(asked.argument, options.sha);
  });
}
