import fc from 'fast-check';
import { marked } from 'marked';
import { describe, expect, it } from 'vitest';
import { renderNote } from '../../../src/views/note/note.ts';
import { app, note, revision } from './models.ts';

describe('whatever people, commits and apps say', () => {
  const text = fc.oneof(
    fc.constantFrom(
      '/merge',
      '\n/close\n',
      'x\r\n/approve',
      '</details>\n\n/merge',
      '```\n/merge',
      '@all',
      '| x |',
      '<script>',
      '\u2028/merge',
      '  /merge',
      '\x1b[0m/merge',
      '\u202e/merge',
    ),
    fc.string({ unit: 'binary', maxLength: 40 }),
  );
  const model = fc
    .record({
      label: text,
      title: text,
      pushedBy: text,
      message: text,
      lines: fc.array(text, { maxLength: 4 }),
      part: text,
      commitUrl: text,
      url: text,
    })
    .map((said) =>
      note([
        app({
          label: said.label,
          url: said.url,
          phase: 'failed',
          latest: revision({
            title: said.title,
            pushedBy: said.pushedBy,
            commitUrl: `https://gitlab.example.com/${said.commitUrl}`,
          }),
          error: { message: said.message, logLines: said.lines },
          parts: [
            { name: said.part, state: 'failed', message: said.message },
            { name: said.part, state: 'healthy', message: said.message },
          ],
        }),
        app({ label: 'last' }),
      ]),
    );

  it('no line of the note begins with a slash, so that none is a quick action', () => {
    fc.assert(
      fc.property(model, (said) => {
        const lines = renderNote(said).split(/\r\n|[\n\r\u2028\u2029\v\f\u0085]/);
        expect(lines.filter((line) => line.trim().startsWith('/'))).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  it('the note keeps its shape: two rows, its own HTML only, no image, links to the web only', () => {
    fc.assert(
      fc.property(model, (said) => {
        const tokens = marked.lexer(renderNote(said));
        const html: string[] = [];
        const links: string[] = [];
        const images: string[] = [];
        marked.walkTokens(tokens, (token) => {
          if (token.type === 'html') html.push(...(token.raw.match(/<[^>]*>/g) ?? []));
          if (token.type === 'link') links.push(token.href);
          if (token.type === 'image') images.push(token.href);
        });
        const first = tokens.find((token) => token.type === 'table');
        expect(first?.type === 'table' ? first.rows.length : 0).toBe(2);
        expect(new Set(html)).toEqual(
          new Set(['<!-- branch-deployments -->', '<br>', '<details>', '</details>', '<summary>', '</summary>']),
        );
        expect(links.filter((href) => !/^https?:/.test(href))).toEqual([]);
        expect(images).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });
});
