import { clamp, cleanLine, cleanLines } from './clean-text.ts';

const MAX_LINE = 300;
const MAX_FENCE_LINES = 60;

/** ASCII punctuation that Markdown, tables or GitLab's references could take for something; the rest reads better without a backslash. */
const SPECIAL = /[!#$%&()*+/:<=>@[\\\]^_`{|}~]/g;

/**
 * One line of somebody's text, to stand in a paragraph, a table cell or a link's text: it shows exactly that text.
 * GitLab takes no escaped character for the start of a reference or mention (doc/user/markdown.md, "Escape characters").
 */
export function escapeText(text: string, options: { readonly maxLength?: number } = {}): string {
  return cleanLine(text, options.maxLength ?? MAX_LINE)
    .replace(SPECIAL, '\\$&')
    .replace(/^-/, '\\-') // a list
    .replace(/^(\d+)\./, '$1\\.') // a numbered list
    .replace(/www\./gi, (match) => `${match.slice(0, -1)}\\.`); // a link without a scheme
}

/** One line of somebody's text as code. Not for table cells: there a pipe after a backslash cannot be written in code. */
export function codeSpan(text: string, options: { readonly maxLength?: number } = {}): string {
  const line = cleanLine(text, options.maxLength ?? MAX_LINE);
  if (line === '') return '';
  const fence = '`'.repeat(longestRun(line) + 1);
  const pad = line.startsWith('`') || line.endsWith('`') ? ' ' : '';
  return `${fence}${pad}${line}${pad}${fence}`;
}

/**
 * Lines of somebody's text as a block. A line that begins with `/` gets an invisible space before it: GitLab looks for quick actions
 * at the starts of lines before it knows what a code block is.
 */
export function codeFence(lines: readonly string[], options: { readonly maxLength?: number } = {}): string {
  const shown = lines
    .flatMap(cleanLines)
    .slice(-MAX_FENCE_LINES)
    .map((line) => clamp(line, options.maxLength ?? MAX_LINE).replace(/^(\s*)\//, '$1\u200B/'));
  const fence = '`'.repeat(Math.max(3, longestRun(shown.join('\n')) + 1));
  return [`${fence}text`, ...shown, fence].join('\n');
}

/** A link; the text alone where the URL is not one of the web. @param markdown text that is escaped already */
export function link(markdown: string, url: string): string {
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) return markdown;
  // What `href` leaves as it is, and what would end the link or the table's cell.
  const safe = new URL(url).href.replace(
    /[()<>|`\\[\]{}'"*_~^\s]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  // The parser adds a slash to a bare host; the link should read as the environment's does.
  return `[${markdown}](${safe === `${url}/` ? url : safe})`;
}

/** The first characters of a commit's name, as code. */
export function shortSha(sha: string): string {
  return `\`${sha.replace(/[^0-9a-f]/g, '').slice(0, 8)}\``;
}

function longestRun(text: string): number {
  return Math.max(0, ...(text.match(/`+/g) ?? []).map((run) => run.length));
}
