import {
  type ChangeDetails,
  type ChangeKind,
  type ChangeReason,
  type Changes,
  type KeyDifference,
  kindOfChange,
  type MissingFiles,
  type ValueDifference,
} from '../deployment/changes.ts';

/** Reasons as people read them. */
export const REASONS: Readonly<Record<ChangeReason, string>> = {
  NEW: 'new',
  REMOVED: 'removed',
  CODE_VERSION: 'code version',
  SOURCE: 'source',
  DEPENDENCIES: 'dependencies',
  PARTITIONS_DEFINITION: 'partitions',
  TAGS: 'tags',
  METADATA: 'metadata',
};

/** That the next push finds less than it asks for. `paths` and `reason`, where there is one, are told as they are to be shown. */
export function missingFilesText({ paths, reason }: MissingFiles): string {
  const why = reason === null ? 'its base does not have' : `could not be kept (${reason})`;
  return `The next push is not given files of base_artifacts that ${why}: ${paths.join(', ')}`;
}

/** How many there are of each kind that there is: "2 new assets", "1 changed asset". */
export function countsOf({ assets, downstream, named }: Changes): string[] {
  const kinds = assets.map(kindOfChange);
  const are = (kind: ChangeKind, what: string) => count(kinds.filter((one) => one === kind).length, what);
  return [
    ...are('new', 'new asset'),
    ...are('changed', 'changed asset'),
    ...are('moved here', 'moved asset'),
    ...are('removed', 'removed asset'),
    ...(downstream.length > 0 ? [`${downstream.length} downstream`] : []),
    ...count(named.length, 'other definition', ' added or removed'),
  ];
}

function count(number: number, what: string, rest = ''): string[] {
  return number === 0 ? [] : [`${number} ${what}${number === 1 ? '' : 's'}${rest}`];
}

/** What differs for each reason that has a detail; how values and keys are written depends on where. */
export function detailsOf(
  { codeVersion, dependencies, partitions, tags, metadata }: ChangeDetails,
  write: { value(one: ValueDifference): string; keys(one: KeyDifference): string },
): string[] {
  return [
    ...(codeVersion
      ? [`code version ${write.value({ old: shortHash(codeVersion.old), new: shortHash(codeVersion.new) })}`]
      : []),
    ...(dependencies ? [`dependencies ${write.keys(dependencies)}`] : []),
    ...(partitions ? [`partitions ${write.value(partitions)}`] : []),
    ...(tags ? [`tags ${write.keys(tags)}`] : []),
    ...(metadata ? [`metadata ${write.keys(metadata)}`] : []),
  ];
}

/** Libraries hash code into its version (dagster-dbt: SHA-1): of a hash nobody reads more than the beginning. */
const shortHash = (version: string | null): string | null =>
  version === null ? null : version.replace(/^([0-9a-f]{8})[0-9a-f]{24,}$/, '$1');
