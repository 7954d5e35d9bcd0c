import type { DownstreamAsset } from '../deployment/changes.ts';
import type { LocationDefinitions } from './definitions.ts';
import { compareTexts } from './differences.ts';

/**
 * Everything that depends on a changed asset, across locations (an asset's key is the same in all of them), each with the shortest way
 * to it; of several as short, the first in the order of keys.
 *
 * @param changed keys of the assets that changed: they are where ways begin, and are not among the result
 */
export function findDownstream(
  locations: readonly LocationDefinitions[],
  changed: ReadonlySet<string>,
): DownstreamAsset[] {
  const dependents = new Map<string, string[]>();
  const holders = new Map<string, string[]>();
  for (const { name, assets } of locations) {
    for (const asset of assets) {
      addTo(holders, asset.key, name);
      for (const { key } of asset.dependencies) addTo(dependents, key, asset.key);
    }
  }
  const cameFrom = new Map<string, string | null>();
  for (const key of changed) cameFrom.set(key, null);
  for (let ring = [...changed].sort(compareTexts); ring.length > 0; ) {
    const next: string[] = [];
    for (const key of ring) {
      for (const dependent of (dependents.get(key) ?? []).sort(compareTexts)) {
        if (cameFrom.has(dependent)) continue;
        cameFrom.set(dependent, key);
        next.push(dependent);
      }
    }
    ring = next;
  }
  const found: DownstreamAsset[] = [];
  for (const [key, from] of cameFrom) {
    if (from === null) continue;
    const path = pathTo(key, cameFrom);
    for (const location of holders.get(key) ?? []) found.push({ location, key, path });
  }
  return found.sort((a, b) => compareTexts(a.location, b.location) || compareTexts(a.key, b.key));
}

function pathTo(key: string, cameFrom: ReadonlyMap<string, string | null>): string[] {
  const path: string[] = [];
  for (let at: string | null = key; at !== null; at = cameFrom.get(at) ?? null) path.push(at);
  return path.reverse();
}

function addTo(lists: Map<string, string[]>, key: string, value: string): void {
  const list = lists.get(key);
  if (list) list.push(value);
  else lists.set(key, [value]);
}
