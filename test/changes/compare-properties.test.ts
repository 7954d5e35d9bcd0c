import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareDefinitions } from '../../src/changes/compare.ts';
import type { LocationDefinitions } from '../../src/changes/definitions.ts';
import type { AssetChange, Changes, KeyDifference } from '../../src/deployment/changes.ts';
import { asset, location } from './definitions.ts';

/** Few names, so that two sides have much in common. */
const name = fc.constantFrom('a', 'b', 'c', 'd', 'constructor');
const text = fc.constantFrom('1', '2');
const table = fc.dictionary(name, text, { maxKeys: 3 });
const maybe = <T>(of: fc.Arbitrary<T>) => fc.option(of, { nil: null });
const unique = fc.uniqueArray(name, { maxLength: 3 });

const someAsset = fc
  .record({
    key: name,
    dependencies: fc.uniqueArray(fc.record({ key: name, partitionMapping: maybe(text) }), {
      maxLength: 3,
      selector: (one) => one.key,
    }),
    partitions: maybe(fc.record({ text, value: text })),
    tags: table,
    metadata: table,
    codeVersion: maybe(text),
    codeVersionIsDerived: fc.boolean(),
    source: maybe(text),
    group: maybe(text),
    owners: unique,
    automationCondition: maybe(text),
    description: maybe(text),
    checks: unique,
  })
  .map(({ key, ...rest }) => asset(key, rest));

const someLocation = fc
  .record({
    name: fc.constantFrom('etl', 'ml', 'bi'),
    assets: fc.uniqueArray(someAsset, { maxLength: 4, selector: (one) => one.key }),
    jobs: unique,
    schedules: unique,
    sensors: unique,
  })
  .map(({ name, assets, ...rest }) => location(name, assets, rest));

const side = fc.uniqueArray(someLocation, { maxLength: 3, selector: (one) => one.name });

describe('a comparison', () => {
  it('of anything with itself finds nothing', () => {
    fc.assert(
      fc.property(side, (same) => {
        expect(compareDefinitions(same, same)).toEqual({ assets: [], downstream: [], named: [] });
      }),
    );
  });

  it('the other way round finds the opposite', () => {
    fc.assert(
      fc.property(side, side, (a, b) => {
        const [there, back] = [compareDefinitions(a, b), compareDefinitions(b, a)];
        expect(back.assets.map(opposite)).toEqual(there.assets.map(withoutMove));
        expect(back.named.map((one) => ({ ...one, change: one.change === 'added' ? 'removed' : 'added' }))).toEqual(
          there.named,
        );
      }),
    );
  });

  it('does not look at the order of anything', () => {
    fc.assert(
      fc.property(side, side, fc.infiniteStream(fc.nat()), (a, b, random) => {
        const mixed = (sides: readonly LocationDefinitions[]) =>
          shuffled(sides, random).map((one) => ({
            ...one,
            assets: shuffled(one.assets, random).map((each) => ({
              ...each,
              dependencies: shuffled(each.dependencies, random),
              owners: shuffled(each.owners, random),
              checks: shuffled(each.checks, random),
              tags: Object.fromEntries(shuffled(Object.entries(each.tags), random)),
            })),
            jobs: shuffled(one.jobs, random),
          }));
        expect(compareDefinitions(mixed(a), mixed(b))).toEqual(compareDefinitions(a, b));
      }),
    );
  });

  it('finds each asset that depends on a change, and no other, by ways that are there', () => {
    fc.assert(
      fc.property(side, side, (a, b) => {
        const changes = compareDefinitions(a, b);
        const edges = new Set(
          b.flatMap((one) => one.assets.flatMap((each) => each.dependencies.map((d) => `${d.key} > ${each.key}`))),
        );
        const changed = changedKeys(changes);
        expect(new Set(changes.downstream.map((one) => one.key))).toEqual(reached(changed, edges));
        for (const { key, path } of changes.downstream) {
          expect([changed.has(path[0] as string), path.at(-1)]).toEqual([true, key]);
          for (const [index, from] of path.slice(0, -1).entries())
            expect(edges).toContain(`${from} > ${path[index + 1]}`);
        }
      }),
    );
  });
});

const changedKeys = ({ assets }: Changes) =>
  new Set(assets.filter((one) => one.reasons.length > 0).map((one) => one.key));

/** Keys that can be reached from `from` along edges, without `from` itself: found by trying all edges until nothing is new. */
function reached(from: ReadonlySet<string>, edges: ReadonlySet<string>): Set<string> {
  const all = new Set(from);
  for (let before = -1; before !== all.size; ) {
    before = all.size;
    for (const edge of edges) {
      const [source, target] = edge.split(' > ') as [string, string];
      if (all.has(source)) all.add(target);
    }
  }
  return new Set([...all].filter((key) => !from.has(key)));
}

const swapped = (one: KeyDifference) => ({ added: one.removed, changed: one.changed, removed: one.added });

function opposite(change: AssetChange): unknown {
  const { codeVersion, partitions, dependencies, tags, metadata } = withoutMove(change).details;
  return {
    ...withoutMove(change),
    reasons: change.reasons.map((one) => (one === 'NEW' ? 'REMOVED' : one === 'REMOVED' ? 'NEW' : one)),
    details: {
      ...(codeVersion && { codeVersion: { old: codeVersion.new, new: codeVersion.old } }),
      ...(partitions && { partitions: { old: partitions.new, new: partitions.old } }),
      ...(dependencies && { dependencies: swapped(dependencies) }),
      ...(tags && { tags: swapped(tags) }),
      ...(metadata && { metadata: swapped(metadata) }),
    },
  };
}

/** A move is told at both of its ends, and what else changed at one of them. */
function withoutMove(change: AssetChange): AssetChange {
  const { location, key, reasons, details, also } = change;
  const isPlaced = reasons[0] === 'NEW' || reasons[0] === 'REMOVED';
  return { location, key, reasons, details: isPlaced ? {} : details, also: isPlaced ? [] : also };
}

function shuffled<T>(values: readonly T[], random: fc.Stream<number>): T[] {
  return values
    .map((value) => ({ value, at: random.next().value as number }))
    .sort((a, b) => a.at - b.at)
    .map(({ value }) => value);
}
