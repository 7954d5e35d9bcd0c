import type { AssetDefinition, LocationDefinitions } from '../../src/changes/definitions.ts';

/** An asset, but for what is given as bare as they come; `after` names what it depends on. */
export function asset(
  key: string,
  { after = [], ...rest }: Partial<AssetDefinition> & { readonly after?: readonly string[] } = {},
): AssetDefinition {
  return {
    key,
    dependencies: after.map((one) => ({ key: one, partitionMapping: null })),
    partitions: null,
    tags: {},
    metadata: {},
    codeVersion: null,
    codeVersionIsDerived: false,
    source: 'the same',
    group: 'default',
    owners: [],
    automationCondition: null,
    description: null,
    checks: [],
    ...rest,
  };
}

/** A location of these assets. */
export function location(
  name: string,
  assets: readonly AssetDefinition[],
  rest: Partial<LocationDefinitions> = {},
): LocationDefinitions {
  return { name, assets, jobs: [], schedules: [], sensors: [], ...rest };
}
