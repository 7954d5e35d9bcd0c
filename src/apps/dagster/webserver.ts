import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import type { DagsterSpec } from '../../deployment/app-spec.ts';
import type { Place, PlannedProcess, Step } from '../../deployment/launch.ts';
import type { DagsterInstance } from './instance-files.ts';
import { type LocationTools, uvEnvironment } from './location-steps.ts';
import { quote } from './quote.ts';
import { newer } from './recognise-dagster.ts';
import { DAGSTER_VERSION } from './versions.ts';

/** A webserver serves code servers of older releases (tried back to 1.9), so only a newer project asks for another one. */
function environmentOf(spec: DagsterSpec, place: Place): { version: string; folder: string; bin: string } {
  const version = newer(DAGSTER_VERSION, spec.dagsterVersion) as string;
  const folder = join(place.shared, 'dagster', version);
  return { version, folder, bin: join(folder, 'env', 'bin') };
}

/** The interpreter of the webserver's environment. */
export function webserverPython(spec: DagsterSpec, place: Place): string {
  return join(environmentOf(spec, place).bin, 'python');
}

/** Makes the environment of the webserver, once for each release of Dagster. Byte code is compiled with it: it is started often. */
export function webserverStep(spec: DagsterSpec, place: Place, options: { tools: LocationTools }): Step {
  const { version, folder, bin } = environmentOf(spec, place);
  const { uv } = options.tools;
  const command = [
    `${quote(uv)} venv --quiet --python '>=3.10' ${quote(join(folder, 'env'))}`,
    `${quote(uv)} pip install --quiet --python ${quote(join(bin, 'python'))} --compile-bytecode dagster-webserver==${quote(version)}`,
  ].join(' && ');
  return {
    name: `webserver of Dagster ${version}`,
    directory: place.shared,
    command,
    env: uvEnvironment(place, options.tools),
    makesShared: { path: folder },
  };
}

/**
 * Waits until the webserver listens, which it does when it has made the storage of a new `DAGSTER_HOME`. What opens a half-made one makes
 * the same tables once more, and leaves an SQLite file that Dagster takes for two versions at once, for good.
 * @returns undefined where the storage is there: the schedules' file is the last of it
 */
export async function storageStep(
  spec: DagsterSpec,
  place: Place,
  options: { instance: DagsterInstance },
): Promise<Step | undefined> {
  const last = await lstat(join(options.instance.home, 'schedules', 'schedules.db')).catch(() => undefined);
  if (last) return undefined;
  const { bin } = environmentOf(spec, place);
  const code = `
import socket, sys, time
while True:
    try:
        socket.create_connection((sys.argv[1], int(sys.argv[2])), 1).close()
        break
    except OSError:
        time.sleep(0.05)`;
  const words = [join(bin, 'python'), '-c', code, place.host, String(place.ports.webserver)];
  return {
    name: 'storage of Dagster',
    directory: place.work,
    command: `# made by the webserver\nexec ${words.map(quote).join(' ')}`,
    env: {},
  };
}

/**
 * The webserver. It starts at once: it needs about as long as the setup of a location, and loads locations whose servers come later.
 * It runs in a folder with no `.env` and no `dagster.yaml` of the repository's, and needs no variable of the app's.
 */
export function webserver(
  spec: DagsterSpec,
  place: Place,
  options: { env: Readonly<Record<string, string>>; instance: DagsterInstance },
): PlannedProcess {
  const { bin } = environmentOf(spec, place);
  const { env, instance } = options;
  return {
    name: 'webserver',
    directory: place.work,
    argv: [
      join(bin, 'python'),
      '-m',
      'dagster_webserver',
      ...['-h', place.host, '-p', String(place.ports.webserver), '-w', instance.workspace],
      // Else each start prints stack traces of all locations, whose servers come later. What does not load in the end is told by health.
      ...['--dagster-log-level', 'error'],
    ],
    env: { ...env, DAGSTER_HOME: instance.configuration, PYTHONUNBUFFERED: '1' },
    early: true,
  };
}
