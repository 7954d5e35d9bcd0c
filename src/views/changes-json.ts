import type { AssetChange, Changes, DownstreamAsset, NamedChange } from '../deployment/changes.ts';

/** Changes for programs: assets by `<location>/<key/parts>`. */
export interface ChangesJson {
  readonly assets: Readonly<Record<string, Omit<AssetChange, 'location' | 'key'>>>;
  readonly downstream: Readonly<Record<string, Pick<DownstreamAsset, 'path'>>>;
  readonly named: readonly NamedChange[];
}

/** All that a comparison found, in a form that is looked up by asset. */
export function changesJson({ assets, downstream, named }: Changes): ChangesJson {
  return {
    assets: byName(assets),
    downstream: byName(downstream),
    named,
  };
}

function byName<One extends { readonly location: string; readonly key: string }>(
  list: readonly One[],
): Record<string, Omit<One, 'location' | 'key'>> {
  return Object.fromEntries(list.map(({ location, key, ...rest }) => [`${location}/${key}`, rest]));
}
