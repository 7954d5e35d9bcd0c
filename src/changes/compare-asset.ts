import type { AlsoChanged, ChangeDetails, ChangeReason } from '../deployment/changes.ts';
import type { AssetDefinition, Dependency } from './definitions.ts';
import { differenceOfTables, isSameTable } from './differences.ts';

/** What is the same and what is not between two definitions of an asset. */
export interface AssetDifference {
  readonly reasons: readonly ChangeReason[];
  readonly details: ChangeDetails;
  readonly also: readonly AlsoChanged[];
}

/**
 * Compares two definitions of one asset, as Dagster's `AssetGraphDiffer` does
 * (dagster/_core/definitions/assets/graph/asset_graph_differ.py), and beyond it by source.
 *
 * @param ignoredMetadata keys of metadata that make no difference: they say where something lies, not what it is
 */
export function compareAsset(
  base: AssetDefinition,
  branch: AssetDefinition,
  ignoredMetadata: ReadonlySet<string>,
): AssetDifference {
  if (isSame(base, branch)) return NO_DIFFERENCE;
  const reasons: ChangeReason[] = [];
  const details: { -readonly [K in keyof ChangeDetails]: ChangeDetails[K] } = {};
  if (base.codeVersion !== branch.codeVersion && !isToldBySource(base, branch)) {
    reasons.push('CODE_VERSION');
    details.codeVersion = { old: base.codeVersion, new: branch.codeVersion };
  }
  // A fingerprint that could not be made says nothing.
  if (base.source !== null && branch.source !== null && base.source !== branch.source) reasons.push('SOURCE');
  const dependencies = isSameList(base.dependencies, branch.dependencies)
    ? undefined
    : differenceOfTables(mappingsOf(base), mappingsOf(branch));
  if (dependencies) {
    reasons.push('DEPENDENCIES');
    details.dependencies = dependencies;
  }
  if (base.partitions?.value !== branch.partitions?.value) {
    reasons.push('PARTITIONS_DEFINITION');
    details.partitions = { old: base.partitions?.text ?? null, new: branch.partitions?.text ?? null };
  }
  const tags = isSameTable(base.tags, branch.tags)
    ? undefined
    : differenceOfTables(tableOf(base.tags), tableOf(branch.tags));
  if (tags) {
    reasons.push('TAGS');
    details.tags = tags;
  }
  const metadata = isSameTable(base.metadata, branch.metadata)
    ? undefined
    : differenceOfTables(tableOf(base.metadata, ignoredMetadata), tableOf(branch.metadata, ignoredMetadata));
  if (metadata) {
    reasons.push('METADATA');
    details.metadata = metadata;
  }
  return { reasons, details, also: alsoChanged(base, branch) };
}

const NO_DIFFERENCE: AssetDifference = { reasons: [], details: {}, also: [] };

/** Whether two definitions hold the same in the same order, as nearly all do: then nothing is made for them. Written for speed. */
function isSame(base: AssetDefinition, branch: AssetDefinition): boolean {
  return (
    base.codeVersion === branch.codeVersion &&
    base.source === branch.source &&
    base.partitions?.value === branch.partitions?.value &&
    base.group === branch.group &&
    base.automationCondition === branch.automationCondition &&
    base.description === branch.description &&
    isSameList(base.dependencies, branch.dependencies) &&
    isSameTable(base.tags, branch.tags) &&
    isSameTable(base.metadata, branch.metadata) &&
    isSameSet(base.owners, branch.owners)
  );
}

/** Where a library hashes whole files into the code version, the source says exactly what that says roughly. */
function isToldBySource(base: AssetDefinition, branch: AssetDefinition): boolean {
  const isDerived = base.codeVersionIsDerived && branch.codeVersionIsDerived;
  return isDerived && base.source !== null && branch.source !== null;
}

/** Whether two lists of dependencies are the same in the same order, as they nearly always are. Written for speed. */
function isSameList(a: readonly Dependency[], b: readonly Dependency[]): boolean {
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at += 1) {
    const [one, other] = [a[at] as Dependency, b[at] as Dependency];
    if (one.key !== other.key || one.partitionMapping !== other.partitionMapping) return false;
  }
  return true;
}

function mappingsOf(asset: AssetDefinition): ReadonlyMap<string, string | null> {
  return new Map(asset.dependencies.map(({ key, partitionMapping }) => [key, partitionMapping]));
}

const NONE: ReadonlySet<string> = new Set();

function tableOf(
  values: Readonly<Record<string, string>>,
  ignored: ReadonlySet<string> = NONE,
): ReadonlyMap<string, string> {
  return new Map(Object.entries(values).filter(([key]) => !ignored.has(key)));
}

function alsoChanged(base: AssetDefinition, branch: AssetDefinition): AlsoChanged[] {
  const also: AlsoChanged[] = [];
  if (base.group !== branch.group) also.push('group');
  if (!isSameSet(base.owners, branch.owners)) also.push('owners');
  if (base.automationCondition !== branch.automationCondition) also.push('automation condition');
  if (base.description !== branch.description) also.push('description');
  return also;
}

/** Owners are few. */
function isSameSet(a: readonly string[], b: readonly string[]): boolean {
  return a.every((one) => b.includes(one)) && b.every((one) => a.includes(one));
}
