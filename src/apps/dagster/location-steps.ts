import { createHash } from 'node:crypto';
import { delimiter, dirname, isAbsolute, join, posix, resolve } from 'node:path';
import type { DagsterLocation } from '../../deployment/app-spec.ts';
import type { Place, Step } from '../../deployment/launch.ts';
import type { AppValues } from '../app-values.ts';
import type { LaunchContext } from '../preset.ts';
import { buildVariables } from './build-variables.ts';
import { environmentKeys } from './environment-keys.ts';
import type { DagsterInstance } from './instance-files.ts';
import { apartBeforePrepare } from './keep-apart.ts';
import { quote } from './quote.ts';

const COMPILE = `
import compileall, importlib.util, os, sys
def is_made(source):
    try:
        with open(importlib.util.cache_from_source(source), "rb") as file:
            head = file.read(8)
    except OSError:
        return False
    return head[:4] == importlib.util.MAGIC_NUMBER and head[4:] != bytes(4)
for folder, _, names in os.walk(sys.argv[1]):
    for source in (os.path.join(folder, name) for name in names if name.endswith(".py")):
        if not is_made(source):
            compileall.compile_file(source, quiet=1)`;
/**
 * Makes the byte code of an environment, for `sh` with its folder as `$1`. All of it takes longer than what a start imports, which Python
 * compiles itself. What is bound to no time (PEP 552) holds in a copy too, and stays; compileall alone would make it anew. `-S`: no `.pth`
 * file of a package is run.
 */
export const FINISH = `"$1/bin/python" -I -S -c ${quote(COMPILE)} "$1/lib" >/dev/null 2>&1; true`;

/** What the service has for making Python environments. */
export interface LocationTools {
  /** `uv` on the PATH, or its absolute path. */
  readonly uv: string;
  readonly pythonDownloads: boolean;
  /** The service's variables that instances get too. */
  readonly passEnv: Readonly<Record<string, string>>;
}

/** The environment of a location: a folder of this revision's tree alone. */
export function environmentFolder(location: DagsterLocation, place: Place): string {
  return resolve(place.tree, location.directory, '.venv');
}

/** PATH with the location's own programs first: `dbt` and `dg` are started by name. */
export function pathOf(location: DagsterLocation, place: Place, options: { tools: LocationTools }): string {
  const { uv, passEnv } = options.tools;
  const own = join(environmentFolder(location, place), 'bin');
  return [own, ...(isAbsolute(uv) ? [dirname(uv)] : []), passEnv.PATH].filter(Boolean).join(delimiter);
}

/**
 * How uv works for every branch. `copy`: both hard links and uv's `clone`, which becomes hard links where the file system cannot
 * clone (seen on ext4), would let one branch change what the next one installs.
 */
export function uvEnvironment(place: Place, tools: LocationTools): Record<string, string> {
  return {
    UV_CACHE_DIR: join(place.shared, 'uv-cache'),
    UV_LINK_MODE: 'copy',
    UV_PYTHON_DOWNLOADS: tools.pythonDownloads ? 'automatic' : 'never',
    // Else each instance would download one into its own HOME.
    ...(tools.passEnv.UV_PYTHON_INSTALL_DIR ? {} : { UV_PYTHON_INSTALL_DIR: join(place.shared, 'pythons') }),
    UV_NO_PROGRESS: '1',
    // A committed .venv is of another machine: it is replaced.
    UV_VENV_CLEAR: '1',
  };
}

/**
 * uv keeps what it has built whatever the build's variables were: a build that is told something has a cache of its own.
 */
function cacheFolder(place: Place, { tools, values }: { tools: LocationTools; values: AppValues }): string {
  const cache = join(place.shared, 'uv-cache');
  const told = buildVariables(values, tools.passEnv);
  if (told.length === 0) return cache;
  return join(cache, 'built-with', createHash('sha256').update(JSON.stringify(told)).digest('hex').slice(0, 16));
}

/** What setup and prepare of a location run with, secrets aside. */
export function setupEnvironment(
  location: DagsterLocation,
  place: Place,
  options: { tools: LocationTools; values: AppValues; dagsterHome: string },
): Record<string, string> {
  const folder = environmentFolder(location, place);
  return {
    ...options.values.env,
    ...uvEnvironment(place, options.tools),
    UV_CACHE_DIR: cacheFolder(place, options),
    PATH: pathOf(location, place, options),
    VIRTUAL_ENV: folder,
    UV_PROJECT_ENVIRONMENT: folder,
    DAGSTER_HOME: options.dagsterHome,
  };
}

/** What the steps of a location are made with. */
export interface StepContext {
  readonly place: Place;
  readonly tools: LocationTools;
  /** What the app gives them. */
  readonly values: AppValues;
  /** What the app file and `.env` say of them, with their references. */
  readonly written: Readonly<Record<string, string>>;
  readonly instance: Pick<DagsterInstance, 'configuration' | 'home'>;
}

/** Prepare of a location; undefined where it has none. */
export function prepareStep(location: DagsterLocation, context: StepContext): Step | undefined {
  const { name, prepare, dbtProjects = [] } = location;
  if (prepare === undefined) return undefined;
  const { place, values } = context;
  // dbt parses only what changed since its last parse; in a fresh tree that is everything.
  const files = dbtProjects.map((one) => resolve(place.tree, one, 'target/partial_parse.msgpack'));
  return {
    name: `prepare of ${name}`,
    directory: resolve(place.tree, location.directory),
    prelude: apartBeforePrepare(context.instance),
    command: prepare,
    env: setupEnvironment(location, place, { ...context, dagsterHome: context.instance.home }),
    secret: values.secret,
    carry: { files, folder: join(place.data, 'dbt-parses') },
  };
}

/**
 * Setup of a location. From a uv.lock, the environment is kept and given to the next revision as a private copy: with what lies
 * in the tree where that only points there, so that a push of code has nothing to install; else its packages alone, and a second step
 * installs the rest with each push. One that is not kept begins with the last one of the location, as `uv sync` makes exactly what is locked.
 */
export async function setupSteps(
  location: DagsterLocation,
  context: LaunchContext,
  options: StepContext,
): Promise<Step[]> {
  const { place, tools, values, written, instance } = options;
  const env = setupEnvironment(location, place, { tools, values, dagsterHome: instance.home });
  const { secret } = values;
  const { name, lock, setup } = location;
  const own = {
    ...{ name: `setup of ${name}`, directory: resolve(place.tree, location.directory), env, secret },
    besideShared: true,
  } as const;
  if (lock === undefined) return [{ ...own, command: checkedSetup(location, setup) }];
  const keys = await environmentKeys(location, context, { place, lock, values, written, passEnv: tools.passEnv });
  const outputs = [environmentFolder(location, place)];
  const finish = FINISH;
  const quiet = `${setup} --quiet`;
  if (keys.whole) return [{ ...own, command: checkedSetup(location, quiet), keep: { ...keys.whole, outputs, finish } }];
  return [
    {
      ...own,
      name: `packages of ${name}`,
      command: `${quiet} --no-install-project --no-install-workspace --no-install-local`,
      keep: { ...keys.packages, outputs, finish },
    },
    { ...own, command: checkedSetup(location, setup) },
  ];
}

/**
 * The setup of a location, and whether it made what its code server is started from. Python
 * is asked without the location's folder (`-I`): a folder `dagster` lies in many repositories.
 */
function checkedSetup({ name, directory }: DagsterLocation, setup: string): string {
  const environment = posix.join(directory, '.venv');
  const say = (text: string): string => `{ printf '%s\\n' ${quote(`Location ${name}: ${text}`)} >&2; exit 1; }`;
  return [
    setup,
    'code=$?',
    '[ "$code" = 0 ] || exit "$code"',
    `[ -x "$VIRTUAL_ENV/bin/python" ] || ${say(`its setup made no environment ${environment} (VIRTUAL_ENV names it).`)}`,
    `"$VIRTUAL_ENV/bin/python" -I -c 'import importlib.util as u; raise SystemExit(u.find_spec("dagster") is None)' || ${say(`its environment ${environment} holds no dagster. Add dagster to what it installs.`)}`,
  ].join('\n');
}
