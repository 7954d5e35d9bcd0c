import { resolve } from 'node:path';
import type { DagsterLocation } from '../../deployment/app-spec.ts';

/**
 * What of a location the probe of asset changes (src/changes/probe) is told: what to load, where it lies, runs and imports from, as its code
 * server has it.
 *
 * @param tree absolute path of the tree that is read
 */
export function probeArguments(location: DagsterLocation, tree: string): string[] {
  const { load, attribute, directory, startIn, importsFrom } = location;
  const at = (path: string): string => resolve(tree, path);
  const target = {
    module: () => ['-m', (load as { name: string }).name],
    package: () => ['--package-name', (load as { name: string }).name],
    autoload: () => ['--autoload-defs-module-name', (load as { name: string }).name],
    file: () => ['-f', resolve(at(directory), (load as { path: string }).path)],
  }[load.kind]();
  return [
    ...['--root', tree, '-d', at(directory)],
    ...(startIn === undefined ? [] : ['--start-in', at(startIn)]),
    ...(importsFrom === undefined ? [] : ['--imports-from', at(importsFrom)]),
    ...target,
    ...(attribute === undefined ? [] : ['-a', attribute]),
  ];
}
