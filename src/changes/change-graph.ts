import { type ChangeGraph, type ChangeNode, type Changes, kindOfChange } from '../deployment/changes.ts';
import type { LocationDefinitions } from './definitions.ts';
import { compareTexts } from './differences.ts';

/** More than this nobody reads. */
const MAX_NODES = 30;

/** Of several states of one node, which it shows. */
const RANK: readonly ChangeNode['state'][] = ['changed', 'new', 'removed', 'downstream'];

/** Where an asset without a group is put, as Dagster does. */
const NO_GROUP = 'default';

/**
 * The changed part of a branch with what is downstream: an asset a node, or a group a node where these would be more than 30.
 * Undefined where there is nothing to draw, or still too much.
 */
export function drawChanges(
  changes: Changes,
  sides: { readonly base: readonly LocationDefinitions[]; readonly branch: readonly LocationDefinitions[] },
): ChangeGraph | undefined {
  const states = statesOf(changes);
  const links = linksWithin(sides.branch, states);
  const byAsset = nodesOf(states, links, (key) => key);
  if (byAsset.nodes.length === 0) return undefined;
  if (byAsset.nodes.length <= MAX_NODES) return byAsset;
  const groups = groupsOf([...sides.base, ...sides.branch]);
  const byGroup = nodesOf(states, links, (key) => groups.get(key) ?? NO_GROUP);
  if (byGroup.nodes.length > MAX_NODES) return undefined;
  const sizes = new Map<string, number>();
  for (const key of states.keys()) {
    const group = groups.get(key) ?? NO_GROUP;
    sizes.set(group, (sizes.get(group) ?? 0) + 1);
  }
  return { ...byGroup, nodes: byGroup.nodes.map((node) => ({ ...node, assets: sizes.get(node.label) as number })) };
}

function statesOf({ assets, downstream }: Changes): ReadonlyMap<string, ChangeNode['state']> {
  const states = new Map<string, ChangeNode['state']>();
  const add = (key: string, state: ChangeNode['state']): void => void states.set(key, first(states.get(key), state));
  for (const change of assets) {
    const kind = kindOfChange(change);
    if (kind === null || kind === 'moved away') continue;
    add(change.key, kind === 'moved here' ? 'new' : kind);
  }
  for (const { key } of downstream) add(key, 'downstream');
  return states;
}

function first(a: ChangeNode['state'] | undefined, b: ChangeNode['state']): ChangeNode['state'] {
  return a === undefined || RANK.indexOf(b) < RANK.indexOf(a) ? b : a;
}

function linksWithin(
  locations: readonly LocationDefinitions[],
  states: ReadonlyMap<string, unknown>,
): ReadonlyArray<readonly [string, string]> {
  return locations.flatMap(({ assets }) =>
    assets
      .filter((asset) => states.has(asset.key))
      .flatMap((asset) => asset.dependencies.map(({ key }) => [key, asset.key] as const))
      .filter(([from]) => states.has(from)),
  );
}

function nodesOf(
  states: ReadonlyMap<string, ChangeNode['state']>,
  links: ReadonlyArray<readonly [string, string]>,
  nameOf: (key: string) => string,
): ChangeGraph {
  const named = new Map<string, ChangeNode['state']>();
  for (const [key, state] of states) named.set(nameOf(key), first(named.get(nameOf(key)), state));
  const nodes = [...named].map(([label, state]) => ({ label, state })).sort((a, b) => compareTexts(a.label, b.label));
  const index = new Map(nodes.map(({ label }, at) => [label, at]));
  const edges = new Map<string, readonly [number, number]>();
  for (const [from, to] of links) {
    const edge = [index.get(nameOf(from)) as number, index.get(nameOf(to)) as number] as const;
    if (edge[0] !== edge[1]) edges.set(edge.join(' '), edge);
  }
  return { nodes, edges: [...edges.values()].sort((a, b) => a[0] - b[0] || a[1] - b[1]) };
}

function groupsOf(locations: readonly LocationDefinitions[]): ReadonlyMap<string, string> {
  return new Map(
    locations.flatMap(({ assets }) => assets.map((asset) => [asset.key, asset.group ?? NO_GROUP] as const)),
  );
}
