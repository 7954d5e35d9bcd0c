import { approvalLine } from '../../deployment/forks.ts';
import { codeSpan } from './escape.ts';

/** Hidden first line of the reply to a comment: one comment is answered once. @param noteId id of the comment */
export function replyMarker(noteId: number): string {
  return `<!-- branch-deployments:reply:${noteId} -->`;
}

const REPLIES = {
  'no-bundle': () =>
    'There is no code to deploy any more: a pipeline must run. Start a new pipeline of this merge request (*Pipelines*, *Run pipeline*), or push.',
  'no-pipeline': () =>
    'The code is not here any more, and GitLab did not start a pipeline. Start one yourself (*Pipelines*, *Run pipeline*), or push.',
  fork: () =>
    'This merge request comes from a fork, and its code is not here: nothing runs by itself. Somebody must look at the commit, and run its pipeline (*Pipelines*, *Run pipeline*).',
  'not-open': () =>
    'Only an open merge request gets a branch deployment. Reopen it first, then comment `/deploy` again.',
  overtaken: () =>
    'This came too late: the branch was deployed again, or another command was obeyed, after this comment was written. Comment again if it still counts.',
  'not-yet': () => 'This command is not there yet. What works now: `/deploy` and `/undeploy`.',
  'no-forks': () => 'This merge request comes from a fork, and code of forks does not run here (`BD_FORKS=never`).',
  'needs-approval': (sha: string) =>
    `This merge request comes from a fork: each of its commits needs an approval that names it. Look through the changes first; then comment ${approval(sha)}.`,
  'wrong-commit': (sha: string) =>
    `Nothing was approved: that is not the present head of this merge request. Look through the changes first; to run the head, comment ${approval(sha)}.`,
} as const;

/** Why a command in a comment was not obeyed. */
export type ReplyKind = keyof typeof REPLIES;

/**
 * The answer to a command that cannot be obeyed. Says nothing from outside but a commit's id.
 * @param headSha head of the merge request
 */
export function renderReply(kind: ReplyKind, noteId: number, headSha: string): string {
  return `${replyMarker(noteId)}\n${REPLIES[kind](headSha)}\n`;
}

const approval = (sha: string) => codeSpan(approvalLine(sha));
