import { describe, expect, it } from 'vitest';
import type { Snapshot } from '../../../src/changes/snapshot.ts';
import { assetKeyOf } from '../../../src/deployment/asset-key.ts';
import { compareSides } from '../../../src/reconcile/changes/compare-sides.ts';
import { maskSnapshot } from '../../../src/reconcile/changes/mask-snapshot.ts';
import type { ReadSide } from '../../../src/reconcile/changes/read-sides.ts';
import { asset } from '../../changes/definitions.ts';

type Loaded = Extract<Snapshot, { status: 'loaded' }>;

function loaded(keys: readonly string[], rest: Partial<Loaded> = {}): Loaded {
  const assets = keys.map((key) => ({ ...asset(key), source: null, isExternal: false, error: null }));
  return {
    ...{ version: 1, status: 'loaded', dagster: '1.13.27', python: '3.11.2' },
    ...{ assets: assets as unknown as Loaded['assets'], jobs: [], schedules: [], sensors: [], locks: {}, gaps: [] },
    ...rest,
  };
}
const failed = (reason: string): Snapshot => ({ version: 1, status: 'failed', reason, stack: '' });

const changed = (base: ReadSide, branch: ReadSide, options = {}) => {
  const { changes, ...rest } = compareSides({ base, branch }, options);
  return { assets: changes.assets.map(({ location, key, reasons }) => `${location}/${key} ${reasons}`), ...rest };
};

describe('two sides', () => {
  it('are compared location by location, under the names that the branch has', () => {
    const base = { prod_etl: loaded(['orders', 'old']), gone: loaded(['score']) };
    const branch = { etl: loaded(['orders', 'new']), ml: loaded(['model']) };

    expect(changed(base, branch, { renameLocations: { prod_etl: 'etl' } }).assets).toEqual([
      'etl/new NEW',
      'etl/old REMOVED',
      'gone/score REMOVED',
      'ml/model NEW',
    ]);
  });

  it('are not compared where two locations of the base would have one name', () => {
    const base = { a: loaded(['x']), b: loaded(['y']) };
    const together = { etl: loaded(['x', 'y']) };

    expect(() => changed(base, together, { renameLocations: { a: 'etl', b: 'etl' } })).toThrow(
      "rename_locations gives two of the base's code locations the name etl",
    );
    expect(() => changed(base, base, { renameLocations: { a: 'b' } })).toThrow('the name b');
    expect(changed(base, together, { renameLocations: { a: 'etl' } }).assets).toEqual(['b/y REMOVED', 'etl/y NEW']);
  });

  it('leave out a location that either of them could not read, and say why', () => {
    const base = { etl: loaded(['orders']), ml: failed('ImportError: x'), slow: loaded(['a']) };
    const branch = {
      ...{ etl: loaded([]), ml: loaded(['model']) },
      slow: { status: 'unread', reason: 'it took longer than 5 min' },
    } as const;

    expect(changed(base, branch)).toMatchObject({
      assets: ['etl/orders REMOVED'],
      unknownLocations: [
        { location: 'ml', reason: 'its base does not load: ImportError: x' },
        { location: 'slow', reason: 'it could not be read: it took longer than 5 min' },
      ],
    });
    expect(() => changed({ etl: failed('ImportError: x') }, { etl: loaded(['orders']) })).toThrow(
      'etl: its base does not load: ImportError: x',
    );
  });

  it('with a base that has no project are all new, and its lock files are not said to differ', () => {
    expect(changed({}, { etl: loaded(['orders'], { locks: { 'uv.lock': 'a' } }) })).toMatchObject({
      ...{ assets: ['etl/orders NEW'], lockFiles: [], unknownLocations: [] },
    });
    const base = { etl: loaded(['orders'], { locks: { 'uv.lock': 'a', 'old/uv.lock': 'a' } }) };
    const branch = { etl: loaded(['orders'], { locks: { 'uv.lock': 'b' } }) };
    expect(changed(base, branch)).toMatchObject({ assets: [], lockFiles: ['old/uv.lock', 'uv.lock'] });
  });
});

it('secrets are taken out of all texts of a snapshot, and its fingerprints stay', () => {
  const secret = 'deadbeef';
  const source = `${secret}${'0'.repeat(24)}`;
  const one = { ...loaded(['orders']).assets[0], source, metadata: { [secret]: `at ${secret}` }, description: 'é' };
  const read = { ...loaded([], { locks: { 'uv.lock': secret } }), assets: [one] as Loaded['assets'] };

  const masked = maskSnapshot(read, [secret]) as Loaded;

  expect(masked.assets[0]).toMatchObject({ source, metadata: { '[MASKED]': 'at [MASKED]' }, description: 'é' });
  expect(masked).toMatchObject({ locks: { 'uv.lock': secret }, dagster: '1.13.27' });
});

it('the beginning of a secret that the probe has cut is taken out too, with and without the mark of the cut', () => {
  const secret = 'correct-horse';
  const cut = 'x'.repeat(392) + secret.slice(0, 8);
  const metadata = { cut, marked: `${cut}… 0a1b`, whole: cut.slice(1), chance: `${'y'.repeat(399)}c` };
  const assets = [{ ...loaded(['orders']).assets[0], metadata }] as Loaded['assets'];

  const masked = maskSnapshot(loaded([], { assets }), [secret]) as Loaded;

  const left = `${'x'.repeat(392)}[MASKED]`;
  expect(masked.assets[0]?.metadata).toEqual({ ...metadata, cut: left, marked: `${left}… 0a1b` });
});

it('secrets are taken out of metadata and tags under every name, and a value that is a word of the snapshot is no end of it', () => {
  const secret = 'correct-horse';
  const table = { status: secret, source: `db:${secret}@x`, locks: secret, plain: 'a group' };
  const assets = [{ ...loaded(['orders']).assets[0], metadata: table, tags: table }] as Loaded['assets'];
  const words = ['assets', 'metadata', 'group', 'dagster', 'status', 'loaded', 'locks', 'isExternal'];

  const masked = maskSnapshot(loaded([], { assets }), [secret, ...words]) as Loaded;

  expect(JSON.stringify(masked)).not.toContain(secret);
  expect(masked.assets[0]?.tags).toEqual({
    '[MASKED]': '[MASKED]',
    source: 'db:[MASKED]@x',
    plain: 'a [MASKED]',
  });
  expect(Object.keys(masked.assets[0] ?? {})).toEqual(Object.keys(assets[0] ?? {}));
  expect(changed({ etl: masked }, { etl: masked }).assets).toEqual([]);
});

it('secrets are taken out of keys too, however these spell them', () => {
  const secret = 'pass/word';
  const read = loaded([assetKeyOf([secret, 'orders']), assetKeyOf(['pass', 'word'])]);

  expect((maskSnapshot(read, [secret]) as Loaded).assets.map(({ key }) => key)).toEqual([
    '[MASKED]/orders',
    '[MASKED]',
  ]);
});
