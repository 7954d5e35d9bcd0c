/** Differences between two commits' definitions, as a comparison finds them and people read them. */

/** Why an asset counts as changed. All but SOURCE are those of Dagster's own comparison, with its meaning. */
export type ChangeReason =
  | 'NEW'
  | 'REMOVED'
  | 'CODE_VERSION'
  | 'SOURCE'
  | 'DEPENDENCIES'
  | 'PARTITIONS_DEFINITION'
  | 'TAGS'
  | 'METADATA';

/** What is shown of a changed asset, and does not make it one. */
export type AlsoChanged = 'group' | 'owners' | 'automation condition' | 'description';

/** Keys of a set or a table that differ; sorted. */
export interface KeyDifference {
  readonly added: readonly string[];
  readonly changed: readonly string[];
  readonly removed: readonly string[];
}

/** A value before and after, as text; null: there was or is none. */
export interface ValueDifference {
  readonly old: string | null;
  readonly new: string | null;
}

/** What differs for each reason that can be told apart further. */
export interface ChangeDetails {
  readonly codeVersion?: ValueDifference;
  /** Keys of assets; changed: the partition mapping to it. */
  readonly dependencies?: KeyDifference;
  readonly partitions?: ValueDifference;
  readonly tags?: KeyDifference;
  readonly metadata?: KeyDifference;
}

/** One asset that differs, in one code location. */
export interface AssetChange {
  readonly location: string;
  /** Its text (`assetKeyOf`). */
  readonly key: string;
  /** In the order of `ChangeReason`; empty where it is only listed for what else changed. */
  readonly reasons: readonly ChangeReason[];
  readonly details: ChangeDetails;
  readonly also: readonly AlsoChanged[];
  /** Of a NEW asset: the location that it came from, where it is gone. What else differs between the two is in `details` and `also`. */
  readonly movedFrom?: string;
  /** Of a REMOVED asset: the location that has it now. */
  readonly movedTo?: string;
  /** Of a moved asset: the reasons that it would have if it had stayed. */
  readonly sinceMove?: readonly ChangeReason[];
}

/** What became of an asset, of the places that it may have in a list of changes; null where it is only listed for what else changed. */
export type ChangeKind = 'new' | 'changed' | 'removed' | 'moved here' | 'moved away';

/** What became of an asset at this place. */
export function kindOfChange({ reasons, movedFrom, movedTo }: AssetChange): ChangeKind | null {
  const [first] = reasons;
  if (first === undefined) return null;
  if (first === 'NEW') return movedFrom === undefined ? 'new' : 'moved here';
  if (first === 'REMOVED') return movedTo === undefined ? 'removed' : 'moved away';
  return 'changed';
}

/** An asset that is as it was, and depends on one that is not. */
export interface DownstreamAsset {
  readonly location: string;
  readonly key: string;
  /** Keys of the shortest way to it: from the changed asset to this one, both included; of one with more than 30 the middle is `…`, as of many long ones. */
  readonly path: readonly string[];
}

/** Names that one side has and the other does not, of one kind in one location. */
export interface NamedChange {
  readonly kind: 'job' | 'schedule' | 'sensor' | 'check';
  readonly location: string;
  /** Of a check: the asset's key and the check's name. */
  readonly name: string;
  readonly change: 'added' | 'removed';
}

/** All differences; every list is sorted. */
export interface Changes {
  readonly assets: readonly AssetChange[];
  readonly downstream: readonly DownstreamAsset[];
  readonly named: readonly NamedChange[];
}

/** What came of comparing all code locations of a branch with its base. */
export interface ComparedChanges {
  readonly changes: Changes;
  /** Null where there is nothing to draw, or too much. */
  readonly graph: ChangeGraph | null;
  /** Locations that are not among the changes, for a reason. */
  readonly unknownLocations: readonly UnknownLocation[];
  /** Lock files that differ, by path from the root of the repository; sorted. */
  readonly lockFiles: readonly string[];
  /** What the target branch has changed since; null where that is nothing that the branch changes too, undefined while nobody has looked. */
  readonly target?: TargetChanges | null;
}

/** Assets that both a branch and its target branch have changed since the base. */
export interface TargetChanges {
  /** The target branch's commit when it was looked at. */
  readonly sha: string;
  readonly url: string;
  /** Sorted; not empty. */
  readonly keys: readonly string[];
}

/** Files of the base that the app file asks for (`base_artifacts`), and the next revision is not given. */
export interface MissingFiles {
  /** As the app file has them; not empty. */
  readonly paths: readonly string[];
  /** Why they could not be kept; null where the base has none of them. */
  readonly reason: string | null;
}

/** A code location of which it is not known what changed. */
export interface UnknownLocation {
  readonly location: string;
  /** A sentence. */
  readonly reason: string;
}

/** What a branch changes and what depends on it, as a picture: assets, or groups of them where they are many. */
export interface ChangeGraph {
  readonly nodes: readonly ChangeNode[];
  /** Indexes of nodes: the second depends on the first. */
  readonly edges: ReadonlyArray<readonly [number, number]>;
}

/** One asset, or one group. */
export interface ChangeNode {
  /** An asset's key or a group's name. */
  readonly label: string;
  /** How many assets it stands for; undefined where it is one asset. */
  readonly assets?: number;
  readonly state: 'new' | 'changed' | 'removed' | 'downstream';
}
