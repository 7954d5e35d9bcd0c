import { resolve } from 'node:path';
import type { DagsterLocation } from '../../deployment/app-spec.ts';
import { loadTarget } from './load-target.ts';

/**
 * What of a location the probe of asset changes (src/changes/probe) is told: what to load, where it lies, runs and imports from, as its code
 * server has it.
 *
 * @param tree absolute path of the tree that is read
 */
export function probeArguments(location: DagsterLocation, tree: string): string[] {
  const { directory, startIn, importsFrom } = location;
  const at = (path: string): string => resolve(tree, path);
  return [
    ...['--root', tree, '-d', at(directory)],
    ...(startIn === undefined ? [] : ['--start-in', at(startIn)]),
    ...(importsFrom === undefined ? [] : ['--imports-from', at(importsFrom)]),
    ...loadTarget(location, (path) => resolve(at(directory), path)),
  ];
}
