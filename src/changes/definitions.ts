/**
 * The definitions of one side of a comparison, location by location. Values are texts in a form that is the same for the same value,
 * so that a comparison needs nothing of Dagster's.
 */
export interface LocationDefinitions {
  readonly name: string;
  readonly assets: readonly AssetDefinition[];
  readonly jobs: readonly string[];
  readonly schedules: readonly string[];
  readonly sensors: readonly string[];
}

/** One asset of a location. */
export interface AssetDefinition {
  /** Its text (`assetKeyOf`). */
  readonly key: string;
  readonly dependencies: readonly Dependency[];
  readonly partitions: Partitions | null;
  readonly tags: Readonly<Record<string, string>>;
  readonly metadata: Readonly<Record<string, string>>;
  readonly codeVersion: string | null;
  /** A library made the code version of whole files, so that it changes where this asset does not (Sling, dbt). */
  readonly codeVersionIsDerived: boolean;
  /** Fingerprint of all that the asset reaches of the project's own code; null where it could not be made. */
  readonly source: string | null;
  readonly group: string | null;
  readonly owners: readonly string[];
  readonly automationCondition: string | null;
  readonly description: string | null;
  readonly checks: readonly string[];
}

/** An asset that another one depends on. */
export interface Dependency {
  readonly key: string;
  readonly partitionMapping: string | null;
}

/** A partitions definition. */
export interface Partitions {
  /** For people: "Daily, starting 2024-01-01 UTC." */
  readonly text: string;
  /** Everything that makes it equal to another one. */
  readonly value: string;
}
