import type { AssetChange, Changes, NamedChange } from '../deployment/changes.ts';
import { compareAsset } from './compare-asset.ts';
import type { AssetDefinition, LocationDefinitions } from './definitions.ts';
import { compareTexts } from './differences.ts';
import { findDownstream } from './downstream.ts';

/**
 * Metadata that says where something lies, and so differs in every branch (dagster-io/dagster#30768), or that holds a whole file of which an
 * asset is a part (dagster-sling's replication: the source says what of it the asset is made of).
 */
export const IGNORED_METADATA: readonly string[] = [
  'dagster/table_name',
  'dagster/code_references',
  'dagster_sling/sling_replication_config',
  'dagster_embedded_elt/sling_replication_config',
];

/** How to compare. */
export interface ComparisonOptions {
  /** Names of the base's locations that the branch has under another name. */
  readonly renameLocations?: Readonly<Record<string, string>>;
  /** Keys of metadata that make no difference; `IGNORED_METADATA` unless told. */
  readonly ignoreMetadata?: readonly string[];
}

/** What a branch changes of its base, location by location. The order of what it is given makes no difference. */
export function compareDefinitions(
  base: readonly LocationDefinitions[],
  branch: readonly LocationDefinitions[],
  options: ComparisonOptions = {},
): Changes {
  const renamed = base.map((one) => ({ ...one, name: ownValue(options.renameLocations, one.name) ?? one.name }));
  const ignored = new Set(options.ignoreMetadata ?? IGNORED_METADATA);
  const assets = compareAssets(renamed, branch, ignored);
  const changed = new Set(assets.filter((one) => one.reasons.length > 0).map((one) => one.key));
  return { assets, downstream: findDownstream(branch, changed), named: compareNames(renamed, branch) };
}

/** Assets of all locations, by location and key. */
type Assets = ReadonlyMap<string, ReadonlyMap<string, AssetDefinition>>;

function compareAssets(
  base: readonly LocationDefinitions[],
  branch: readonly LocationDefinitions[],
  ignored: ReadonlySet<string>,
): AssetChange[] {
  const [before, after] = [assetsOf(base), assetsOf(branch)];
  const [came, went] = [onlyIn(after, before), onlyIn(before, after)];
  const changes: AssetChange[] = [];
  for (const [location, assets] of after) {
    for (const [key, asset] of assets) {
      const old = before.get(location)?.get(key);
      if (old) {
        const difference = compareAsset(old, asset, ignored);
        if (difference.reasons.length + difference.also.length > 0) changes.push({ location, key, ...difference });
        continue;
      }
      const from = moveOf(key, { came, went });
      const moved = from && (before.get(from.from)?.get(key) as AssetDefinition);
      if (!moved) changes.push({ location, key, reasons: ['NEW'], details: {}, also: [] });
      else {
        const { reasons, details, also } = compareAsset(moved, asset, ignored);
        changes.push({ location, key, reasons: ['NEW'], details, also, movedFrom: from.from, sinceMove: reasons });
      }
    }
  }
  for (const [key, locations] of went) {
    for (const location of locations) {
      const move = moveOf(key, { came, went });
      const gone = { location, key, reasons: ['REMOVED'], details: {}, also: [] } as const;
      changes.push(move ? { ...gone, movedTo: move.to } : gone);
    }
  }
  return changes.sort((a, b) => compareTexts(a.location, b.location) || compareTexts(a.key, b.key));
}

/** An asset moved where exactly one location lost it and exactly one got it. */
function moveOf(
  key: string,
  { came, went }: Readonly<Record<'came' | 'went', ReadonlyMap<string, readonly string[]>>>,
): { readonly from: string; readonly to: string } | undefined {
  const [from, ...otherFrom] = went.get(key) ?? [];
  const [to, ...otherTo] = came.get(key) ?? [];
  if (from === undefined || to === undefined || otherFrom.length + otherTo.length > 0) return undefined;
  return { from, to };
}

/** Keys with the locations that have them in one side and not in the other. */
function onlyIn(side: Assets, other: Assets): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  for (const [location, assets] of side) {
    for (const key of assets.keys()) {
      if (!other.get(location)?.has(key)) found.set(key, [...(found.get(key) ?? []), location]);
    }
  }
  return found;
}

function assetsOf(locations: readonly LocationDefinitions[]): Assets {
  return new Map(locations.map((one) => [one.name, new Map(one.assets.map((asset) => [asset.key, asset]))]));
}

function compareNames(base: readonly LocationDefinitions[], branch: readonly LocationDefinitions[]): NamedChange[] {
  const [before, after] = [namesOf(base), namesOf(branch)];
  const changes: NamedChange[] = [];
  for (const [id, one] of after) if (!before.has(id)) changes.push({ ...one, change: 'added' });
  for (const [id, one] of before) if (!after.has(id)) changes.push({ ...one, change: 'removed' });
  return changes.sort(
    (a, b) => compareTexts(a.location, b.location) || compareTexts(a.kind, b.kind) || compareTexts(a.name, b.name),
  );
}

function namesOf(locations: readonly LocationDefinitions[]): ReadonlyMap<string, Omit<NamedChange, 'change'>> {
  const found = new Map<string, Omit<NamedChange, 'change'>>();
  for (const location of locations) {
    const add = (kind: NamedChange['kind'], name: string): void => {
      found.set(JSON.stringify([location.name, kind, name]), { kind, location: location.name, name });
    };
    for (const name of location.jobs) add('job', name);
    for (const name of location.schedules) add('schedule', name);
    for (const name of location.sensors) add('sensor', name);
    for (const { key, checks } of location.assets) for (const name of checks) add('check', `${key}:${name}`);
  }
  return found;
}

/** A value of a table that somebody wrote: `constructor` is a name like any other. */
function ownValue(table: Readonly<Record<string, string>> | undefined, key: string): string | undefined {
  return table && Object.hasOwn(table, key) ? table[key] : undefined;
}
