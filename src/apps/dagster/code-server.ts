import { join, resolve } from 'node:path';
import type { DagsterLocation } from '../../deployment/app-spec.ts';
import type { Place, PlannedProcess } from '../../deployment/launch.ts';
import type { AppValues } from '../app-values.ts';
import type { ServedLocation } from './instance-files.ts';
import { loadTarget } from './load-target.ts';
import { environmentFolder, type LocationTools, pathOf } from './location-steps.ts';

/** Name of the port that the location at an index of the spec listens on. */
export const locationPort = (index: number): string => `location-${index}`;

/**
 * The code server of a location, in the location's folder (code with relative paths needs that; `working_directory` alone does not
 * change it) and from its own environment. Code is loaded on the first question, so that a load error becomes an answer with its stack
 * and not a crash.
 */
export function codeServer(
  server: ServedLocation,
  place: Place,
  options: { tools: LocationTools; dagsterHome: string },
): PlannedProcess {
  const { location, port, values } = server;
  const { startIn, importsFrom } = location;
  const directory = resolve(place.tree, startIn ?? location.directory);
  const folder = environmentFolder(location, place);
  return {
    name: `code server ${location.name}`,
    directory,
    argv: [
      join(folder, 'bin', 'python'),
      ...['-m', 'dagster', 'api', 'grpc', '-h', place.host, '-p', String(port)],
      ...loadArguments(location, place),
      ...[
        '-d',
        resolve(place.tree, importsFrom ?? location.directory),
        '--lazy-load-user-code',
        '--use-python-environment-entry-point',
      ],
    ],
    env: codeEnvironment(location, place, { ...options, values }),
    secret: values.secret,
    ...(location.optional ? { optionalPart: location.name } : {}),
  };
}

/** What a location's code runs with, secrets aside. */
export function codeEnvironment(
  location: DagsterLocation,
  place: Place,
  options: { tools: LocationTools; dagsterHome: string; values: AppValues },
): Record<string, string> {
  return {
    ...options.values.env,
    PATH: pathOf(location, place, options),
    VIRTUAL_ENV: environmentFolder(location, place),
    DAGSTER_HOME: options.dagsterHome,
    DAGSTER_CLOUD_LOCATION_NAME: location.name,
    PYTHONUNBUFFERED: '1',
  };
}

/** Dagster takes a file from where it starts. */
function loadArguments(location: DagsterLocation, place: Place): string[] {
  const { directory, startIn } = location;
  return loadTarget(location, (path) => (startIn === undefined ? path : resolve(place.tree, directory, path)));
}
