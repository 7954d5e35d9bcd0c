import { html, raw } from 'hono/html';
import type { Notice } from './notice.ts';
import { SCRIPT } from './script.ts';
import { STYLE } from './style.ts';

const MAX_LOG_LINES = 60;
const MAX_LINE_LENGTH = 1_000;

/**
 * The page of a notice. Everything in it that comes from a branch is escaped.
 *
 * @param nonce what the policy of {@link contentSecurityPolicy} lets run
 * @param polls whether the page looks for the app by itself: not where it answers a form, which a reload would send again
 */
export async function renderNotice(
  notice: Notice,
  nonce: string,
  options: { readonly polls: boolean },
): Promise<string> {
  const seconds = options.polls ? notice.pollSeconds : undefined;
  const title = notice.title === undefined ? notice.heading : `${notice.heading} · ${notice.title}`;
  const log = shownLines(notice.log);
  const page = await html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${title}</title>
${seconds === undefined ? '' : html`<noscript><meta http-equiv="refresh" content="${Math.max(seconds, 5)}"></noscript>`}
<style nonce="${nonce}">${raw(STYLE)}</style>
</head>
<body>
<main data-state="${notice.state}"${seconds === undefined ? '' : html` data-poll="${seconds}"`}>
${notice.title === undefined ? '' : html`<p class="which">${notice.title}</p>`}
<h1>${notice.heading}</h1>
<p role="status">${notice.message}</p>
${
  log === ''
    ? ''
    : html`<h2>Last lines of the log</h2>
<pre tabindex="0">${log}</pre>`
}
${seconds === undefined || notice.state === 'stopped' ? '' : html`<p class="hint">${hintOf(notice)}</p>`}
${isWebUrl(notice.mergeRequestUrl) ? html`<p><a href="${notice.mergeRequestUrl}">Open the merge request</a></p>` : ''}
</main>
${seconds === undefined ? '' : html`<script nonce="${nonce}">${raw(SCRIPT)}</script>`}
</body>
</html>
`;
  return String(page);
}

/** A notice for programs: the same in a few lines of text. */
export function formatNotice(notice: Notice): string {
  const lines = [notice.title === undefined ? notice.heading : `${notice.heading}: ${notice.title}`, notice.message];
  if (isWebUrl(notice.mergeRequestUrl)) lines.push(`Merge request: ${notice.mergeRequestUrl}`);
  const log = shownLines(notice.log);
  if (log !== '') lines.push('', 'Last lines of the log:', log);
  return `${lines.join('\n')}\n`;
}

/** Nothing but the page's own style and script runs, and it may talk only to its own host. */
export function contentSecurityPolicy(nonce: string): string {
  return `default-src 'none'; style-src 'nonce-${nonce}'; script-src 'nonce-${nonce}'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;
}

function hintOf(notice: Notice): string {
  return notice.state === 'failed'
    ? 'A new push to the merge request tries again. This page then turns into the app by itself.'
    : 'This page turns into the app by itself as soon as it is ready.';
}

function shownLines(log: readonly string[]): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what must go.
  const clean = (line: string) => line.replace(/[\u0000-\u0008\u000b-\u001f\u007f]/g, '').slice(0, MAX_LINE_LENGTH);
  return log.slice(-MAX_LOG_LINES).map(clean).join('\n').trimEnd();
}

function isWebUrl(url: string | undefined): boolean {
  return url !== undefined && /^https?:\/\//i.test(url);
}
