/**
 * A fold. GitLab reads Markdown in it only between blank lines (doc/user/markdown.md, "Collapsible section").
 *
 * @param summary HTML of our own: GitLab looks for mentions in it, so nothing from outside belongs here
 */
export function fold(summary: string, blocks: readonly string[]): string {
  return ['<details>', `<summary>${summary}</summary>`, '', blocks.join('\n\n'), '', '</details>'].join('\n');
}
