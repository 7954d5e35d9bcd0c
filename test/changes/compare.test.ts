import { describe, expect, it } from 'vitest';
import { type ComparisonOptions, compareDefinitions } from '../../src/changes/compare.ts';
import type { AssetDefinition } from '../../src/changes/definitions.ts';
import { asset, location } from './definitions.ts';

/** What is told of the one asset `orders` of the one location. */
function change(
  before: Partial<AssetDefinition>,
  after: Partial<AssetDefinition>,
  options?: ComparisonOptions,
): unknown {
  const { assets } = compareDefinitions(
    [location('etl', [asset('orders', before)])],
    [location('etl', [asset('orders', after)])],
    options,
  );
  const [one] = assets;
  return one && { reasons: one.reasons, ...one.details, ...(one.also.length > 0 ? { also: one.also } : {}) };
}

const daily = { text: 'Daily, starting 2024-01-01 UTC.', value: 'daily 2024-01-01' };

describe('one asset', () => {
  it.each<[string, Partial<AssetDefinition>, Partial<AssetDefinition>, unknown]>([
    ['that is the same is no change', { tags: { a: '1' } }, { tags: { a: '1' } }, undefined],
    [
      'with another code version',
      { codeVersion: '1' },
      { codeVersion: '2' },
      { reasons: ['CODE_VERSION'], codeVersion: { old: '1', new: '2' } },
    ],
    [
      'that got a code version',
      {},
      { codeVersion: '1' },
      { reasons: ['CODE_VERSION'], codeVersion: { old: null, new: '1' } },
    ],
    ['whose source was edited', { source: 'a' }, { source: 'b' }, { reasons: ['SOURCE'] }],
    ['whose source is unknown on one side says nothing of it', { source: 'a' }, { source: null }, undefined],
    [
      'whose code version a library made of whole files is told by its source',
      { codeVersion: '1', codeVersionIsDerived: true, source: 'a' },
      { codeVersion: '2', codeVersionIsDerived: true, source: 'b' },
      { reasons: ['SOURCE'] },
    ],
    [
      'of such a library that did not change itself is not marked',
      { codeVersion: '1', codeVersionIsDerived: true },
      { codeVersion: '2', codeVersionIsDerived: true },
      undefined,
    ],
    [
      'of such a library whose source is unknown is marked by its code version',
      { codeVersion: '1', codeVersionIsDerived: true, source: null },
      { codeVersion: '2', codeVersionIsDerived: true, source: null },
      { reasons: ['CODE_VERSION'], codeVersion: { old: '1', new: '2' } },
    ],
    [
      'with other dependencies',
      {
        dependencies: [
          { key: 'a', partitionMapping: null },
          { key: 'c', partitionMapping: null },
        ],
      },
      {
        dependencies: [
          { key: 'b', partitionMapping: null },
          { key: 'c', partitionMapping: null },
        ],
      },
      { reasons: ['DEPENDENCIES'], dependencies: { added: ['b'], changed: [], removed: ['a'] } },
    ],
    [
      'with another partition mapping',
      { dependencies: [{ key: 'a', partitionMapping: null }] },
      { dependencies: [{ key: 'a', partitionMapping: 'last partition' }] },
      { reasons: ['DEPENDENCIES'], dependencies: { added: [], changed: ['a'], removed: [] } },
    ],
    [
      'that got partitions',
      {},
      { partitions: daily },
      { reasons: ['PARTITIONS_DEFINITION'], partitions: { old: null, new: daily.text } },
    ],
    [
      'whose partitions differ where their text does not',
      { partitions: daily },
      { partitions: { ...daily, value: 'daily 2024-01-01 until 2025-01-01' } },
      { reasons: ['PARTITIONS_DEFINITION'], partitions: { old: daily.text, new: daily.text } },
    ],
    [
      'with other tags',
      { tags: { gone: '1', same: '1', other: '1' } },
      { tags: { same: '1', other: '2', more: '1' } },
      { reasons: ['TAGS'], tags: { added: ['more'], changed: ['other'], removed: ['gone'] } },
    ],
    [
      'with other metadata',
      { metadata: { owner: 'a' } },
      { metadata: { owner: 'b' } },
      { reasons: ['METADATA'], metadata: { added: [], changed: ['owner'], removed: [] } },
    ],
    [
      'that only lies elsewhere is the same',
      { metadata: { 'dagster/table_name': 'prod.orders' } },
      { metadata: { 'dagster/table_name': 'dev.orders', 'dagster/code_references': '[]' } },
      undefined,
    ],
    [
      'with another group, owner, condition and description is listed and has no reason',
      { owners: ['a@example.com', 'team:b'] },
      { group: 'new', owners: ['team:b'], automationCondition: 'eager', description: 'Orders' },
      { reasons: [], also: ['group', 'owners', 'automation condition', 'description'] },
    ],
    [
      'whose owners stand in another order is the same',
      { owners: ['a@example.com', 'team:b'] },
      { owners: ['team:b', 'a@example.com'] },
      undefined,
    ],
    [
      'with names that every object has',
      { tags: {}, metadata: {} },
      { tags: { constructor: '1' }, metadata: { toString: '1' } },
      {
        reasons: ['TAGS', 'METADATA'],
        tags: { added: ['constructor'], changed: [], removed: [] },
        metadata: { added: ['toString'], changed: [], removed: [] },
      },
    ],
  ])('%s', (_, before, after, told) => {
    expect(change(before, after)).toEqual(told);
  });

  it('is told by all metadata where nothing is to be ignored', () => {
    const [before, after] = [{ metadata: { 'dagster/table_name': 'a' } }, { metadata: { 'dagster/table_name': 'b' } }];
    expect(change(before, after, { ignoreMetadata: [] })).toMatchObject({ reasons: ['METADATA'] });
    expect(change(before, after, { ignoreMetadata: ['dagster/table_name'] })).toBeUndefined();
  });
});

describe('locations', () => {
  const told = (base: Parameters<typeof compareDefinitions>[0], branch: typeof base, options?: ComparisonOptions) =>
    compareDefinitions(base, branch, options).assets.map(
      ({ location, key, reasons, movedFrom, movedTo, sinceMove }) =>
        `${location}/${key} ${reasons}${movedFrom ? ` from ${movedFrom}` : ''}${movedTo ? ` to ${movedTo}` : ''}${sinceMove?.length ? ` with ${sinceMove}` : ''}`,
    );

  it('tell what is new and what was removed', () => {
    expect(told([location('etl', [asset('a'), asset('b')])], [location('etl', [asset('b'), asset('c')])])).toEqual([
      'etl/a REMOVED',
      'etl/c NEW',
    ]);
  });

  it('are compared each with its own', () => {
    const base = [location('etl', [asset('a', { source: '1' })]), location('ml', [asset('a', { source: '2' })])];
    expect(told(base, [location('etl', [asset('a', { source: '1' })]), location('ml', [asset('a')])])).toEqual([
      'ml/a SOURCE',
    ]);
  });

  it('know an asset that moved, and what else changed of it', () => {
    const base = [location('etl', [asset('a', { tags: { x: '1' } }), asset('b')]), location('ml', [])];
    expect(told(base, [location('etl', [asset('b')]), location('ml', [asset('a')])])).toEqual([
      'etl/a REMOVED to ml',
      'ml/a NEW from etl with TAGS',
    ]);
  });

  it('do not guess where an asset went that two locations have now', () => {
    expect(told([location('etl', [asset('a')])], [location('ml', [asset('a')]), location('bi', [asset('a')])])).toEqual(
      ['bi/a NEW', 'etl/a REMOVED', 'ml/a NEW'],
    );
  });

  it('tell the jobs, schedules, sensors and checks that came and went', () => {
    const base = [location('etl', [asset('a', { checks: ['fresh'] })], { jobs: ['nightly'], schedules: ['at_two'] })];
    const branch = [
      location('etl', [asset('a', { checks: ['not_empty'] })], { jobs: ['nightly'], sensors: ['files'] }),
    ];
    const named = compareDefinitions(base, branch).named.map((one) => `${one.change} ${one.kind} ${one.name}`);
    expect(named).toEqual([
      'removed check a:fresh',
      'added check a:not_empty',
      'removed schedule at_two',
      'added sensor files',
    ]);
  });
});

describe('downstream', () => {
  const edited = (key: string, after: readonly string[] = []) => asset(key, { after, source: 'edited' });
  const told = (base: Parameters<typeof compareDefinitions>[0], branch: typeof base) =>
    compareDefinitions(base, branch).downstream.map(({ location, path }) => `${location}: ${path.join(' > ')}`);

  it('leaves out the middle of a way that nobody would read, and so does not fill the memory with ways', () => {
    const chain = (source: string) =>
      Array.from({ length: 2_000 }, (_, at) => asset(`a${at}`, at === 0 ? { source } : { after: [`a${at - 1}`] }));
    const { downstream } = compareDefinitions([location('etl', chain('old'))], [location('etl', chain('new'))]);

    const pathOf = (key: string) => downstream.find((one) => one.key === key)?.path;
    expect(pathOf('a29')).toEqual(Array.from({ length: 30 }, (_, at) => `a${at}`));
    expect(pathOf('a1999')).toEqual([
      ...Array.from({ length: 15 }, (_, at) => `a${at}`),
      '…',
      ...Array.from({ length: 15 }, (_, at) => `a${1985 + at}`),
    ]);
    expect(downstream.length).toBe(1_999);
  });

  it('has of each way only its ends where all of them together would be too much to keep', () => {
    const keys = Array.from({ length: 3_000 }, (_, at) => `${'long_'.repeat(80)}${at}`);
    const chain = (codeVersion: string) =>
      keys.map((key, at) => asset(key, at === 0 ? { codeVersion } : { after: [keys[at - 1] as string] }));
    const { downstream } = compareDefinitions([location('etl', chain('old'))], [location('etl', chain('new'))]);

    expect(downstream.length).toBe(2_999);
    expect(downstream[999]?.path).toHaveLength(31);
    expect(downstream[2_998]?.path).toEqual([keys[0], '…', downstream[2_998]?.key]);
    const all = downstream.flatMap(({ path }) => path).reduce((sum, key) => sum + key.length, 0);
    expect(all).toBeLessThan(16 * 1024 * 1024 + 3_000 * 900);
  });

  it('tells the shortest way from a change, also into another location', () => {
    const rest = [asset('b', { after: ['a'] }), asset('c', { after: ['b'] }), asset('d', { after: ['c', 'a'] })];
    const ml = location('ml', [asset('model', { after: ['c'] })]);
    expect(told([location('etl', [asset('a'), ...rest]), ml], [location('etl', [edited('a'), ...rest]), ml])).toEqual([
      'etl: a > b',
      'etl: a > b > c',
      'etl: a > d',
      'ml: a > b > c > model',
    ]);
  });

  it('begins anew at each change, and does not list a change twice', () => {
    const base = [location('etl', [asset('a'), asset('b', { after: ['a'] }), asset('c', { after: ['b'] })])];
    const branch = [location('etl', [edited('a'), edited('b', ['a']), asset('c', { after: ['b'] })])];
    expect(told(base, branch)).toEqual(['etl: b > c']);
  });

  it('begins at what was removed, where something still depends on it', () => {
    const rest = asset('b', { after: ['a'] });
    expect(told([location('etl', [asset('a'), rest])], [location('etl', [rest])])).toEqual(['etl: a > b']);
  });

  it('does not begin at what only has another description', () => {
    const rest = asset('b', { after: ['a'] });
    const branch = [location('etl', [asset('a', { description: 'new' }), rest])];
    expect(told([location('etl', [asset('a'), rest])], branch)).toEqual([]);
  });

  it('comes to an end where assets depend on themselves in a circle', () => {
    const circle = (first: AssetDefinition) => [
      location('etl', [first, asset('b', { after: ['a', 'c'] }), asset('c', { after: ['b'] })]),
    ];
    expect(told(circle(asset('a')), circle(edited('a')))).toEqual(['etl: a > b', 'etl: a > b > c']);
  });
});
