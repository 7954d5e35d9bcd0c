/** What people can write in a comment. */
export type CommentCommand = 'deploy' | 'undeploy' | 'sleep' | 'wake';

/** What came of a command: taken, or why not. `ignored`: there is nothing to acknowledge. */
export type CommentOutcome = 'taken' | 'ignored' | 'not-allowed' | 'no-bundle' | 'not-open' | 'not-yet';

/** The first command in a comment: a line that is the command alone (`/deploy` may be followed by a commit). */
export function parseCommand(
  body: string,
): { readonly command: CommentCommand; readonly argument: string } | undefined {
  for (const line of body.split(/\r?\n/)) {
    const match = /^\/(deploy|undeploy|sleep|wake)(?:\s+(\S.*?))?\s*$/.exec(line);
    if (match) return { command: match[1] as CommentCommand, argument: match[2] ?? '' };
  }
  return undefined;
}
