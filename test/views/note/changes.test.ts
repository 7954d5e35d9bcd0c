import fc from 'fast-check';
import { marked } from 'marked';
import { describe, expect, it } from 'vitest';
import { drawChanges } from '../../../src/changes/change-graph.ts';
import { compareDefinitions } from '../../../src/changes/compare.ts';
import type { LocationDefinitions } from '../../../src/changes/definitions.ts';
import { type NoteChanges, renderChanges } from '../../../src/views/note/changes.ts';
import { asset, location } from '../../changes/definitions.ts';

const SHA = 'f00dfeed5e6f708192a3b4c5d6e7f8091a2b3c4d';

function told(
  base: readonly LocationDefinitions[],
  branch: readonly LocationDefinitions[],
  rest: Partial<NoteChanges> = {},
): string {
  const changes = compareDefinitions(base, branch);
  return renderChanges({
    base: { sha: SHA, url: `https://gitlab.example.com/data/platform/-/commit/${SHA}` },
    url: 'https://mr-7-platform-bcdfghjk.previews.example.com',
    unknown: null,
    unknownLocations: [],
    lockFiles: [],
    missingFiles: null,
    target: null,
    changes,
    graph: drawChanges(changes, { base, branch }) ?? null,
    ...rest,
  });
}

describe('the changes in the note', () => {
  it('say what they do not cover, and which assets the target branch has changed since', () => {
    const text = told(
      [location('etl', [asset('orders')])],
      [location('etl', [asset('orders', { source: 'edited' })])],
      {
        target: { sha: SHA, url: 'https://gitlab.example.com/c', keys: ['a', 'b', 'c', 'd', 'e', 'orders'] },
        lockFiles: ['uv.lock'],
        missingFiles: { paths: ['target/manifest.json', '@all'], reason: null },
        unknownLocations: [{ location: 'ml', reason: 'its base does not load: ImportError: `x` @all' }],
      },
    );
    expect(text).toContain(
      '⚠️ The target branch has changed assets that this branch changes too, as of [`f00dfeed`](https://gitlab.example.com/c): a, b, c, d, e, and 1 more',
    );
    expect(text).toContain(
      'The packages that it runs with differ: uv.lock<br>⚠️ The next push is not given files of base_artifacts that its base does not have: target\\/manifest.json, \\@all<br>',
    );
    expect(text).toContain('Changes of code location ml are unknown: ');
    expect(text).not.toMatch(/[^\\]@all/);
  });

  it('say which files of the base are missing also where it is not known what changed, however long the reason is', () => {
    const missingFiles = { paths: ['target/manifest.json'], reason: null };
    const text = told([], [], { unknown: `etl: its base does not load: ${'x'.repeat(500)}`, missingFiles });
    expect(text).toMatch(
      /x…?\n\n⚠️ The next push is not given files of base_artifacts that its base does not have: target\\\/manifest\.json$/,
    );
  });

  it('link to each asset under its own key, and to none whose key has a secret in it', () => {
    const odd = String.raw`raw\/orders`;
    const text = told([], [location('etl', [asset('raw/orders'), asset(odd), asset('[MASKED]/orders')])]);

    const rows = text.split('\n').filter((line) => line.startsWith('| ') && line.includes(' new '));
    expect(rows.map((row) => /\]\(https:\/\/[^/]+(.*?)\)/.exec(row)?.[1])).toEqual([
      undefined,
      '/assets/raw/orders',
      '/assets/raw%2Forders',
    ]);
    expect(text).toContain('asset-selection=key%3A%22raw%2Forders%22)');
  });

  it('of a branch that edits, adds, moves and removes', () => {
    const base = [
      location('etl', [
        asset('raw/orders', { codeVersion: '1', tags: { team: 'a' } }),
        asset('orders', { after: ['raw/orders'] }),
        asset('report', { after: ['orders'] }),
        asset('old'),
        asset('score'),
      ]),
      location('ml', [], { schedules: ['nightly'] }),
    ];
    const branch = [
      location('etl', [
        asset('raw/orders', { codeVersion: '2', tags: { team: 'b', tier: '1' }, description: 'Orders as they come' }),
        asset('customers', { after: ['raw/orders'] }),
        asset('orders', { after: ['raw/orders', 'customers'] }),
        asset('report', { after: ['orders'] }),
      ]),
      location('ml', [asset('score', { source: 'edited' })]),
    ];
    expect(told(base, branch)).toMatchInlineSnapshot(`
      "**Changes against [\`f00dfeed\`](https://gitlab.example.com/data/platform/-/commit/f00dfeed5e6f708192a3b4c5d6e7f8091a2b3c4d)**: 1 new asset, 2 changed assets, 1 moved asset, 1 removed asset, 1 downstream, 1 other definition added or removed. [Open them in Dagster](https://mr-7-platform-bcdfghjk.previews.example.com/assets?asset-selection=key%3A%22customers%22%20or%20key%3A%22orders%22%20or%20key%3A%22raw%2Forders%22%20or%20key%3A%22score%22)

      <details>
      <summary>What changed</summary>

      | Asset | Change | Detail |
      |---|---|---|
      | [customers](https://mr-7-platform-bcdfghjk.previews.example.com/assets/customers)<br>etl | new |  |
      | old<br>etl | removed |  |
      | [orders](https://mr-7-platform-bcdfghjk.previews.example.com/assets/orders)<br>etl | dependencies | dependencies \\+customers |
      | [raw\\/orders](https://mr-7-platform-bcdfghjk.previews.example.com/assets/raw/orders)<br>etl | code version, tags, also description | code version 1 → 2<br>tags \\+tier, \\~team |
      | [score](https://mr-7-platform-bcdfghjk.previews.example.com/assets/score)<br>ml | moved from etl, source |  |

      - schedule nightly removed

      \`\`\`mermaid
      graph LR
        n0["customers"]:::new
        n1["old"]:::removed
        n2["orders"]:::changed
        n3["raw/orders"]:::changed
        n4["report"]:::downstream
        n5["score"]:::new
        n0 --> n2
        n2 --> n4
        n3 --> n0
        n3 --> n2
        classDef new fill:#1f75cb,stroke:#064787,color:#ffffff
        classDef changed fill:#ab6100,stroke:#703800,color:#ffffff
        classDef removed fill:#dd2b0e,stroke:#8d1300,color:#ffffff,stroke-dasharray:4
        classDef downstream fill:#737278,stroke:#434248,color:#ffffff
      \`\`\`

      In the graph: blue is new, orange is changed, red is removed, grey is downstream.

      </details>"
    `);
  });

  it('show of a code version that is a hash its beginning', () => {
    const [old, now] = ['8697279bfd4ac1f9201fe20ca51687edac27d559', 'ac427fd7191017369e7f9bbf84c8619509dd6ef6'];
    const text = told(
      [location('marts', [asset('a', { codeVersion: old }), asset('b', { codeVersion: '20261127' })])],
      [location('marts', [asset('a', { codeVersion: now }), asset('b', { codeVersion: '20261128' })])],
    );
    expect(text).toContain('| code version | code version 8697279b → ac427fd7 |');
    expect(text).toContain('| code version | code version 20261127 → 20261128 |');
  });

  it('of one that changes nothing', () => {
    expect(told([location('etl', [asset('a')])], [location('etl', [asset('a')])])).toBe(
      `**Changes against [\`f00dfeed\`](https://gitlab.example.com/data/platform/-/commit/${SHA})**: nothing changed.`,
    );
  });

  it('that are not known, and why', () => {
    const text = told([], [], {
      unknown: 'the base could not be loaded: ModuleNotFoundError: No module named etl',
      base: null,
    });
    expect(text).toBe(
      '**Changes** are unknown: the base could not be loaded\\: ModuleNotFoundError\\: No module named etl',
    );
  });

  it('that are many are drawn by group, and counted in full', () => {
    const many = (source: string) => [
      location(
        'etl',
        Array.from({ length: 300 }, (_, index) =>
          asset(`a${String(index).padStart(3, '0')}`, {
            source,
            group: `g${index % 3}`,
            after: index > 0 ? [`a${String(index - 1).padStart(3, '0')}`] : [],
          }),
        ),
      ),
    ];
    const text = told(many('1'), many('2'));
    expect(text).toContain('300 changed assets.');
    expect(text).toContain('| and 200 more | | |');
    expect(text).toContain('  n0["g0 (100 assets)"]:::changed\n');
    expect(text.match(/-->/g)).toHaveLength(3);
    expect(text).not.toContain('asset-selection'); // the link would be longer than proxies take
  });

  it('open exactly the changed assets in Dagster', () => {
    const text = told(
      [location('etl', [asset('gone'), asset('b')])],
      [location('etl', [asset('say "hi"/x'), asset('b')])],
    );
    const [, url] = /\[Open them in Dagster\]\(([^)]+)\)/.exec(text) as RegExpExecArray;
    expect(new URL(url as string).searchParams.get('asset-selection')).toBe('key:"say *hi*/x"');
  });
});

describe('whatever names assets have', () => {
  const name = fc.oneof(
    fc.constantFrom(
      '/merge',
      '\n/close\n',
      '</details>\n\n/merge',
      '```\n/merge',
      '@all',
      'a|b',
      '<script>',
      '"]; click n0 "x',
      '\ud800',
      '%%{init: {}}%%',
    ),
    fc.string({ unit: 'binary', maxLength: 30 }),
  );
  const text = fc
    .record({ keys: fc.uniqueArray(name, { minLength: 1, maxLength: 4 }), value: name, where: name })
    .map(({ keys, value, where }) =>
      told(
        [location('etl', [asset('b', { tags: { [value]: '1' }, codeVersion: '0' })])],
        [
          location(
            where,
            keys.map((key) => asset(key, { after: ['b'] })),
          ),
          location('etl', [asset('b', { codeVersion: value })], { jobs: [value] }),
        ],
      ),
    );

  it('no line begins with a slash, and the graph is one block of lines of our own', () => {
    fc.assert(
      fc.property(text, (said) => {
        const lines = said.split(/\r\n|[\n\r\u2028\u2029\v\f\u0085]/);
        expect(lines.filter((line) => line.trim().startsWith('/'))).toEqual([]);
        const graph = lines.slice(lines.indexOf('```mermaid') + 1, lines.lastIndexOf('```'));
        const ours =
          /^(graph LR| {2}n\d+\["[\p{L}\p{N} _./#;()–…-]+"\]:::[a-z]+| {2}n\d+ --> n\d+| {2}classDef [a-z]+ [^"]+)$/u;
        expect(graph.filter((line) => !ours.test(line))).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  it('no HTML but ours comes of it', () => {
    fc.assert(
      fc.property(text, (said) => {
        const html = marked.parse(said, { async: false });
        const tags = new Set([...html.matchAll(/<\/?([a-z][a-z0-9]*)/g)].map(([, tag]) => tag));
        const known = [
          'p',
          'strong',
          'a',
          'code',
          'details',
          'summary',
          'table',
          'thead',
          'tbody',
          'tr',
          'th',
          'td',
          'br',
          'ul',
          'li',
          'pre',
        ];
        expect([...tags].filter((tag) => !known.includes(tag as string))).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });
});
