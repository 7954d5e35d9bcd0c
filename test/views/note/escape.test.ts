import fc from 'fast-check';
import { marked, type Token, type Tokens } from 'marked';
import { describe, expect, it } from 'vitest';
import { cleanLine, cleanLines } from '../../../src/views/note/clean-text.ts';
import { codeFence, codeSpan, escapeText, link } from '../../../src/views/note/escape.ts';

/** Text as attackers write it: pieces that mean something to Markdown, HTML, GitLab or a terminal, between arbitrary ones. */
const hostile = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        ...[
          '@all',
          '@user',
          '#1',
          '!2',
          '&3',
          '~label',
          '%"m"',
          '$5',
          '^',
          ':tada:',
          'https://evil.example',
          'www.evil.example',
          'a@b.example',
        ],
        ...[
          '/merge',
          '\n/close',
          '\r/approve',
          '|',
          '\\|',
          '\\',
          '`',
          '```',
          '~~~',
          '\n```\n',
          '$$',
          '<br>',
          '<img src=x onerror=1>',
          '</details>',
        ],
        ...[
          '<!--',
          '-->',
          '&#64;',
          '&amp;',
          '![i](x)',
          '[a](b)',
          '[a]: /b',
          '**',
          '__',
          '~~',
          '- ',
          '1. ',
          '> ',
          '# ',
          '===',
          '---',
          '\t',
          '    ',
        ],
        ...[
          '\x1b[31m',
          '\x1b]8;;https://evil.example\x07',
          '\x1b',
          '\u202e',
          '\u2066',
          '\u200b',
          '\u2028',
          '\0',
          '\ud800',
          '[[x]]',
          '{+x+}',
          '😀',
        ],
      ),
      fc.string({ unit: 'binary', maxLength: 12 }),
      fc.string({ maxLength: 12 }),
    ),
    { maxLength: 8 },
  )
  .map((pieces) => pieces.join(''));

const WORDS = new Set(['text', 'escape']);

/** The text of inline tokens, and the kinds of those that are more than text. */
function readInline(tokens: readonly Token[] | undefined): { text: string; elements: string[] } {
  const found = { text: '', elements: [] as string[] };
  for (const token of tokens ?? []) {
    if (!WORDS.has(token.type)) found.elements.push(token.type);
    found.text += (token as Tokens.Text).text;
  }
  return { ...found, text: decode(found.text) };
}

/** marked gives some text already escaped for HTML. */
function decode(text: string): string {
  return text
    .replace(/&lt;/g, '<')
    .replace(/&gt;/g, '>')
    .replace(/&quot;/g, '"')
    .replace(/&#39;/g, "'")
    .replace(/&amp;/g, '&');
}

const only = (markdown: string) => {
  const tokens = marked.lexer(markdown).filter((token) => token.type !== 'space');
  expect(tokens).toHaveLength(1);
  return tokens[0] as Tokens.Generic;
};

describe('text from outside', () => {
  it('in a paragraph shows itself and makes nothing else', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const clean = cleanLine(text, 300);
        fc.pre(clean !== '');
        const paragraph = only(escapeText(text));
        expect(paragraph.type).toBe('paragraph');
        expect(readInline(paragraph.tokens)).toEqual({ text: decode(clean), elements: [] });
      }),
      { numRuns: 1000 },
    );
  });

  it('in a table cell and a link stays in its cell and its link', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const clean = cleanLine(text, 300);
        fc.pre(clean !== '');
        const cell = link(escapeText(text), 'https://gitlab.example.com/x');
        const table = only(`| a | b |\n|---|---|\n| ${cell} | end |`) as Tokens.Table;
        expect(table.type).toBe('table');
        expect(table.rows).toHaveLength(1);
        const [first, second] = table.rows[0] as Tokens.TableCell[];
        expect(second?.text).toBe('end');
        expect(first?.tokens.map((token) => token.type)).toEqual(['link']);
        expect(
          readInline((first as Tokens.TableCell).tokens.flatMap((token) => (token as Tokens.Link).tokens)),
        ).toEqual({ text: decode(clean), elements: [] });
      }),
      { numRuns: 1000 },
    );
  });

  it('as code is one piece of code', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const clean = cleanLine(text, 300);
        fc.pre(clean !== '');
        const paragraph = only(`It said ${codeSpan(text)} at last`);
        expect(paragraph.tokens?.map((token) => token.type)).toEqual(['text', 'codespan', 'text']);
        expect((paragraph.tokens as Tokens.Codespan[])[1]?.text).toBe(clean);
      }),
      { numRuns: 1000 },
    );
  });

  it('in a fence cannot end it', () => {
    fc.assert(
      fc.property(fc.array(hostile, { maxLength: 5 }), (lines) => {
        const block = only(`${codeFence(lines)}\n`);
        expect(block.type).toBe('code');
        const ends = /^\n+|\n+$/g; // marked adds one to an empty block
        const text = (block as Tokens.Code).text.replaceAll('\u200b', '');
        expect(text.replace(ends, '')).toBe(lines.flatMap(cleanLines).slice(-60).join('\n').replace(ends, ''));
      }),
      { numRuns: 1000 },
    );
  });

  it('never begins a line with a slash, and keeps no control or bidi character', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        for (const markdown of [escapeText(text), codeSpan(text), codeFence([text])]) {
          expect(markdown.split(/[\n\r\u2028\u2029]/).filter((line) => line.trim().startsWith('/'))).toEqual([]);
          expect(markdown.replaceAll('\u200b', '')).not.toMatch(/(?![\n\t])\p{Cc}|\p{Cf}|\p{Cs}/u);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it.each(['@all', '#1', '!1', '&1', '~bug', '%v1', '$1', '^alert#1', ':tada:', 'https://evil.example', 'a@b.example'])(
    "%s is not GitLab's to read: its sign is escaped",
    (text) => {
      expect(escapeText(text)).toMatch(/\\[@#!&~%$^:]/);
      expect(escapeText(text)).not.toMatch(/(?<!\\)[@#!&~%$^:]/);
    },
  );

  it('is cut at its limit, between characters', () => {
    expect(cleanLine('😀'.repeat(400), 10)).toBe(`${'😀'.repeat(9)}…`);
    expect(escapeText('x'.repeat(100_000)).length).toBe(300);
    expect(codeFence([`${'x'.repeat(1000)}\n`.repeat(1000)]).length).toBeLessThan(60 * 302 + 20);
  });

  it('loses colours, not words', () => {
    expect(cleanLine('\x1b[1;31mError\x1b[0m: \x1b]8;;https://x\x1b\\link\x1b]8;;\x1b\\ done', 100)).toBe(
      'Error: link done',
    );
  });
});

describe('a link', () => {
  it.each(['javascript:alert(1)', 'data:text/html,x', '/relative', '', 'ftp://x'])('%j is left out', (url) => {
    expect(link('text', url)).toBe('text');
  });

  it('is not ended by what is in its URL', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const paragraph = only(link('text', `https://gitlab.example.com/${text}`));
        expect(paragraph.tokens?.map((token) => token.type)).toEqual(['link']);
      }),
    );
  });
});
