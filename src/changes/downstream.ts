import type { DownstreamAsset } from '../deployment/changes.ts';
import type { LocationDefinitions } from './definitions.ts';
import { compareTexts } from './differences.ts';

/** Keys of one way: all ways along a chain of thousands of assets would fill the memory, and nobody reads them. */
const LONGEST_WAY = 30;
/** Characters of all ways together: beyond it a way is its two ends. Long keys would make gigabytes of a snapshot of some megabytes. */
const MOST_CHARACTERS = 16 * 1024 * 1024;

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
  if (changed.size === 0) return [];
  const graph = new Dependents(locations, changed);
  const cameFrom = waysFrom(graph, changed);
  const found: DownstreamAsset[] = [];
  let place = 0;
  for (const { name, assets } of locations) {
    for (const { key } of assets) {
      const node = graph.assets[place++] as number;
      if ((cameFrom[node] as number) >= 0) found.push({ location: name, key, path: pathTo(node, cameFrom, graph) });
    }
  }
  found.sort((a, b) => compareTexts(a.location, b.location) || compareTexts(a.key, b.key));
  return withinLimit(found);
}

function withinLimit(found: readonly DownstreamAsset[]): DownstreamAsset[] {
  let characters = 0;
  return found.map((one) => {
    const { path } = one;
    for (const key of path) characters += key.length;
    if (characters <= MOST_CHARACTERS || path.length <= 2) return one;
    return { ...one, path: [path[0] as string, '…', path.at(-1) as string] };
  });
}

const NOT_REACHED = -2;
const START = -1;

/** By node: the one before it on the shortest way from a changed asset. */
function waysFrom(graph: Dependents, changed: ReadonlySet<string>): Int32Array {
  const cameFrom = new Int32Array(graph.keys.length).fill(NOT_REACHED);
  let ring = [...changed].sort(compareTexts).map((key) => graph.nodeOf(key));
  for (const node of ring) cameFrom[node] = START;
  while (ring.length > 0) {
    const next: number[] = [];
    for (const node of ring) {
      for (const dependent of graph.of(node)) {
        if (cameFrom[dependent] !== NOT_REACHED) continue;
        cameFrom[dependent] = node;
        next.push(dependent);
      }
    }
    ring = next;
  }
  return cameFrom;
}

function pathTo(node: number, cameFrom: Int32Array, { keys }: Dependents): string[] {
  const path: number[] = [];
  for (let at = node; at >= 0; at = cameFrom[at] as number) path.push(at);
  const names = (nodes: readonly number[]) => nodes.map((one) => keys[one] as string);
  path.reverse();
  if (path.length <= LONGEST_WAY) return names(path);
  return [...names(path.slice(0, LONGEST_WAY / 2)), '…', ...names(path.slice(-LONGEST_WAY / 2))];
}

/** What depends on what, in numbers: a list of edges for each node, linked in typed arrays, as most of them are never looked at. */
class Dependents {
  /** Keys of nodes: assets, and what changed and is no asset any more. */
  readonly keys: string[] = [];
  /** The nodes of all assets, location by location. */
  readonly assets: number[] = [];
  private readonly nodes = new Map<string, number>();
  private readonly first: Int32Array;
  private readonly next: Int32Array;
  private readonly target: Int32Array;

  constructor(locations: readonly LocationDefinitions[], changed: ReadonlySet<string>) {
    let edges = 0;
    for (const { assets } of locations) {
      for (const { key, dependencies } of assets) {
        this.assets.push(this.add(key));
        edges += dependencies.length;
      }
    }
    for (const key of changed) this.add(key);
    this.first = new Int32Array(this.keys.length).fill(-1);
    this.next = new Int32Array(edges);
    this.target = new Int32Array(edges);
    let edge = 0;
    let place = 0;
    for (const { assets } of locations) {
      for (const { dependencies } of assets) {
        const node = this.assets[place++] as number;
        for (const dependency of dependencies) {
          const from = this.nodes.get(dependency.key);
          if (from === undefined) continue;
          this.target[edge] = node;
          this.next[edge] = this.first[from] as number;
          this.first[from] = edge;
          edge += 1;
        }
      }
    }
  }

  nodeOf(key: string): number {
    return this.nodes.get(key) as number;
  }

  /** Nodes that depend on this one, in the order of their keys. */
  of(node: number): number[] {
    const found: number[] = [];
    for (let edge = this.first[node] as number; edge >= 0; edge = this.next[edge] as number)
      found.push(this.target[edge] as number);
    return found.sort((a, b) => compareTexts(this.keys[a] as string, this.keys[b] as string));
  }

  private add(key: string): number {
    const known = this.nodes.get(key);
    if (known !== undefined) return known;
    this.nodes.set(key, this.keys.length);
    return this.keys.push(key) - 1;
  }
}
