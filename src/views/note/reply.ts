/** Hidden first line of the reply to a comment: one comment is answered once. @param noteId id of the comment */
export function replyMarker(noteId: number): string {
  return `<!-- branch-deployments:reply:${noteId} -->`;
}

const REPLIES = {
  'no-bundle':
    'There is no code to deploy any more: a pipeline must run. Start a new pipeline of this merge request (*Pipelines*, *Run pipeline*), or push.',
  'no-pipeline':
    'The code is not here any more, and GitLab did not start a pipeline. Start one yourself (*Pipelines*, *Run pipeline*), or push.',
  fork: 'This merge request comes from a fork, and its code is not here: nothing runs by itself. Somebody must look at the commit, and run its pipeline (*Pipelines*, *Run pipeline*).',
  'not-open': 'Only an open merge request gets a branch deployment. Reopen it first, then comment `/deploy` again.',
  overtaken:
    'This came too late: the branch was deployed again, or another command was obeyed, after this comment was written. Comment again if it still counts.',
  'not-yet': 'This command is not there yet. What works now: `/deploy` and `/undeploy`.',
} as const;

/** Why a command in a comment was not obeyed. */
export type ReplyKind = keyof typeof REPLIES;

/** The answer to a command that cannot be obeyed. Says nothing from outside. */
export function renderReply(kind: ReplyKind, noteId: number): string {
  return `${replyMarker(noteId)}\n${REPLIES[kind]}\n`;
}
