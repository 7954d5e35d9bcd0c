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
  /** Keys of metadata that make no difference; `IGNORED_METADATA` unless told. */
  readonly ignoreMetadata?: readonly string[];
}

/**
 * What a branch changes of its base, location by location: both have a location under the branch's name for it (`underNamesOfBranch`). The
 * order of what it is given makes no difference.
 */
export function compareDefinitions(
  base: readonly LocationDefinitions[],
  branch: readonly LocationDefinitions[],
  options: ComparisonOptions = {},
): Changes {
  const ignored = new Set(options.ignoreMetadata ?? IGNORED_METADATA);
  const assets = compareAssets(base, branch, ignored);
  const changed = new Set(assets.filter((one) => one.reasons.length > 0).map((one) => one.key));
  return { assets, downstream: findDownstream(branch, changed), named: compareNames(base, branch) };
}

/** Keys with the locations that have them on one side only. */
type Places = ReadonlyMap<string, readonly string[]>;

function compareAssets(
  base: readonly LocationDefinitions[],
  branch: readonly LocationDefinitions[],
  ignored: ReadonlySet<string>,
): AssetChange[] {
  const before = new Map(base.map((one) => [one.name, new Assets(one.assets)]));
  const changes: AssetChange[] = [];
  const fresh: Array<{ readonly location: string; readonly asset: AssetDefinition }> = [];
  for (const { name: location, assets } of branch) {
    const old = before.get(location);
    for (const asset of assets) {
      const counterpart = old?.take(asset.key);
      if (!counterpart) {
        fresh.push({ location, asset });
        continue;
      }
      const difference = compareAsset(counterpart, asset, ignored);
      if (difference.reasons.length + difference.also.length > 0)
        changes.push({ location, key: asset.key, ...difference });
    }
  }
  const left = [...before].flatMap(([location, assets]) => assets.left().map((asset) => ({ location, asset })));
  const [came, went] = [placesOf(fresh), placesOf(left)];
  const lost = new Map(left.map(({ asset }) => [asset.key, asset]));
  for (const { location, asset } of fresh) {
    const { key } = asset;
    const from = moveOf(key, { came, went })?.from;
    // Of a key that one location lost there is one.
    const moved = lost.get(key);
    if (from === undefined || !moved) changes.push({ location, key, reasons: ['NEW'], details: {}, also: [] });
    else {
      const { reasons, details, also } = compareAsset(moved, asset, ignored);
      changes.push({ location, key, reasons: ['NEW'], details, also, movedFrom: from, sinceMove: reasons });
    }
  }
  for (const { location, asset } of left) {
    const move = moveOf(asset.key, { came, went });
    const gone = { location, key: asset.key, reasons: ['REMOVED'], details: {}, also: [] } as const;
    changes.push(move ? { ...gone, movedTo: move.to } : gone);
  }
  return changes.sort((a, b) => compareTexts(a.location, b.location) || compareTexts(a.key, b.key));
}

/**
 * The assets of one location of the base, each taken once. Two sides nearly always have the same order, so the next one is looked at
 * before a table of all is made.
 */
class Assets {
  private readonly all: readonly AssetDefinition[];
  private readonly taken: Uint8Array;
  private next = 0;
  private places: Map<string, number> | undefined;

  constructor(all: readonly AssetDefinition[]) {
    this.all = all;
    this.taken = new Uint8Array(all.length);
  }

  take(key: string): AssetDefinition | undefined {
    const at = this.all[this.next]?.key === key ? this.next : this.placeOf(key);
    if (at === undefined) return undefined;
    this.taken[at] = 1;
    this.next = at + 1;
    return this.all[at];
  }

  left(): AssetDefinition[] {
    return this.all.filter((_, at) => this.taken[at] === 0);
  }

  private placeOf(key: string): number | undefined {
    this.places ??= new Map(this.all.map((one, at) => [one.key, at]));
    return this.places.get(key);
  }
}

/** An asset moved where exactly one location lost it and exactly one got it. */
function moveOf(
  key: string,
  { came, went }: { readonly came: Places; readonly went: Places },
): { readonly from: string; readonly to: string } | undefined {
  const [from, ...otherFrom] = went.get(key) ?? [];
  const [to, ...otherTo] = came.get(key) ?? [];
  if (from === undefined || to === undefined || otherFrom.length + otherTo.length > 0) return undefined;
  return { from, to };
}

function placesOf(assets: ReadonlyArray<{ readonly location: string; readonly asset: AssetDefinition }>): Places {
  const found = new Map<string, string[]>();
  for (const { location, asset } of assets) found.set(asset.key, [...(found.get(asset.key) ?? []), location]);
  return found;
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
    for (const { key, checks } of location.assets) {
      // Most have none.
      if (checks.length > 0) for (const name of checks) add('check', `${key}:${name}`);
    }
  }
  return found;
}
