import type { DagsterLocation } from '../../deployment/app-spec.ts';

/**
 * What a location loads, as Dagster's command line has it; the probe of asset changes takes the same options.
 * @param file the path to tell for one that is relative to the location's folder
 */
export function loadTarget({ load, attribute }: DagsterLocation, file: (path: string) => string): string[] {
  const target = {
    module: () => ['-m', (load as { name: string }).name],
    package: () => ['--package-name', (load as { name: string }).name],
    autoload: () => ['--autoload-defs-module-name', (load as { name: string }).name],
    file: () => ['-f', file((load as { path: string }).path)],
  }[load.kind]();
  return attribute === undefined ? target : [...target, '-a', attribute];
}
