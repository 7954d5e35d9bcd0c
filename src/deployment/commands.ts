/** What people can write in a comment. */
export type CommentCommand = 'deploy' | 'undeploy' | 'sleep' | 'wake';

/** What came of a command: taken, or why not. `ignored`: there is nothing to acknowledge. */
export type CommentOutcome =
  | 'taken'
  | 'ignored'
  | 'not-allowed'
  | 'no-bundle'
  | 'no-pipeline'
  | 'fork'
  | 'not-open'
  | 'overtaken'
  | 'not-yet'
  | 'no-forks'
  | 'needs-approval'
  | 'wrong-commit';

/**
 * The first command in a comment: a line that is the command alone (`/deploy` may be followed by a commit, which approves it where it is a fork's). Fenced code is not
 * obeyed, as GitLab does not obey its own quick actions there.
 */
export function parseCommand(
  body: string,
): { readonly command: CommentCommand; readonly argument: string } | undefined {
  let fence = '';
  for (const line of body.split(/\r?\n/)) {
    const mark = /^ {0,3}(`{3,}|~{3,})/.exec(line)?.[1] ?? '';
    if (fence === '') fence = mark;
    // The end of a block has at least as many of the same characters, and nothing after them.
    else if (mark.startsWith(fence) && line.trim() === mark) fence = '';
    if (fence !== '') continue;
    const match = /^\/(deploy|undeploy|sleep|wake)(?:\s+(\S.*?))?\s*$/.exec(line);
    if (match) return { command: match[1] as CommentCommand, argument: match[2] ?? '' };
  }
  return undefined;
}
