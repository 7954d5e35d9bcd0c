import { Marked, type Tokens } from 'marked';
import { escapeHtml } from './layout.ts';

/** Tags of raw HTML that notes may use here, without attributes: part of GitLab's sanitisation list. */
const ALLOWED =
  /^<(\/?)(details|summary|br|sub|sup|kbd|strong|em|b|i|code|pre|p|ul|ol|li|table|thead|tbody|tr|th|td|hr|div|span)\s*(\/?)>$/i;

/** Raw HTML with allowed tags kept, comments dropped, and all else shown as text. */
export function sanitizeHtml(html: string): string {
  return html
    .replace(/<!--[\s\S]*?-->/g, '')
    .split(/(<[^>]*>)/)
    .map((part) => {
      const tag = ALLOWED.exec(part);
      if (tag) return `<${tag[1]}${tag[2]?.toLowerCase()}>`;
      return escapeHtml(
        part.replace(
          /&(amp|lt|gt|quot|#39|nbsp);/g,
          (entity) =>
            ({ '&amp;': '&', '&lt;': '<', '&gt;': '>', '&quot;': '"', '&#39;': "'", '&nbsp;': ' ' })[entity] ?? entity,
        ),
      );
    })
    .join('');
}

const safeUrl = (url: string) => /^(https?:|mailto:|\/|#)/i.test(url);

const marked = new Marked({
  gfm: true,
  renderer: {
    html({ text }: Tokens.HTML | Tokens.Tag) {
      return sanitizeHtml(text);
    },
    link({ href, tokens }: Tokens.Link) {
      const text = this.parser.parseInline(tokens);
      return safeUrl(href) ? `<a href="${escapeHtml(href)}" rel="nofollow noreferrer noopener">${text}</a>` : text;
    },
    // An image would be loaded from anywhere: only its text is shown.
    image({ href, text }: Tokens.Image) {
      return safeUrl(href) ? `<a href="${escapeHtml(href)}">${escapeHtml(text)}</a>` : escapeHtml(text);
    },
  },
});

const EMOJIS: Readonly<Record<string, string>> = {
  rocket: '🚀', eyes: '👀', white_check_mark: '✅', x: '❌', warning: '⚠️', hourglass: '⌛', hourglass_flowing_sand: '⏳', thumbsup: '👍', '+1': '👍',
  thumbsdown: '👎', zzz: '💤', broom: '🧹', tada: '🎉', stop_sign: '🛑', confused: '😕', lock: '🔒', arrows_counterclockwise: '🔄',
}; // biome-ignore format: one table

export const emoji = (name: string) => EMOJIS[name] ?? `:${name}:`;

/** A note's Markdown as HTML, for the page of a merge request. */
export function renderMarkdown(body: string): string {
  return marked
    .parse(body, { async: false })
    .replace(/:([a-z0-9_+]+):(?![^<]*<\/code>)/g, (whole, name: string) => EMOJIS[name] ?? whole);
}
