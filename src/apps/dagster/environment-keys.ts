import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import type { DagsterLocation } from '../../deployment/app-spec.ts';
import type { Place, Step } from '../../deployment/launch.ts';
import type { AppValues } from '../app-values.ts';
import { interpreterVersions } from '../interpreters.ts';
import type { LaunchContext } from '../preset.ts';
import { readInTree, resolveInTree } from '../tree-files.ts';
import { buildVariables } from './build-variables.ts';
import { installInputs } from './install-inputs.ts';
import { lockedPackages } from './locked-packages.ts';
import { readToml, tableAt } from './project-files.ts';

type Kept = Pick<NonNullable<Step['keep']>, 'key' | 'parts'> & { readonly kin: string };

/** What the environment of a location with a uv.lock depends on. */
export interface EnvironmentKeys {
  /** Of the packages alone. */
  readonly packages: Kept;
  /** With the projects of the tree in it; undefined where these have to be installed with each push. */
  readonly whole: Kept | undefined;
}

/**
 * Everything that decides which packages come from a lock file, how they were built, and what of the tree is installed beside them. Nothing
 * kept passes from one project or app to another; within one, an environment of another lock file can be brought to what this one wants.
 * @param options.values what the app gives the setup
 * @param options.written what the app file and `.env` say of it, with their references
 * @param options.passEnv variables of the service that it is given, too
 */
export async function environmentKeys(
  location: DagsterLocation,
  context: LaunchContext,
  options: {
    readonly place: Place;
    readonly lock: string;
    readonly values: AppValues;
    readonly written: Readonly<Record<string, string>>;
    readonly passEnv: Readonly<Record<string, string>>;
  },
): Promise<EnvironmentKeys> {
  const { place, lock, values, passEnv } = options;
  const names = [...Object.keys(values.env), ...Object.keys(values.secret), ...Object.keys(passEnv)];
  const folders = new Set([location.directory, posix.dirname(lock)]);
  const files = [lock];
  for (const folder of folders) {
    for (const name of ['pyproject.toml', 'uv.toml', '.python-version'])
      files.push(resolveInTree(folder, name) as string);
  }
  const own = {
    project: context.projectId,
    app: context.app,
    preset: 'dagster',
    directory: location.directory,
    setup: location.setup,
    python: location.python,
    interpreters: await interpreterVersions(),
    // uv's settings; of secrets the names alone.
    // What is built is another thing with each of these. Any other may be read by a package's build, too: of them what is written, since
    // what a reference stands for is another in each deployment.
    build: buildVariables(values, passEnv),
    written: Object.entries(options.written).sort(([a], [b]) => (a < b ? -1 : 1)),
    uv: [Object.entries(values.env).filter(([name]) => isOfUv(name)), Object.keys(values.secret).filter(isOfUv)],
  };
  // What uv builds packages by: of one that is installed, it does not ask how it was built.
  const settings: unknown[] = [];
  for (const folder of [...folders].sort()) {
    const project = await readToml(place.tree, resolveInTree(folder, 'pyproject.toml') as string);
    const { sources, workspace, ...rest } = tableAt(project, 'tool', 'uv') ?? {};
    settings.push(rest, (await readInTree(place.tree, resolveInTree(folder, 'uv.toml') as string)) ?? null);
  }
  const texts: Array<[string, string | null]> = [];
  for (const file of files.sort()) texts.push([file, (await readInTree(place.tree, file)) ?? null]);
  const held = await lockedPackages(place.tree, lock);
  const parts = Object.fromEntries(Object.entries(held).map(([name, text]) => [name, digest(text).slice(0, 32)]));
  const installs = await installInputs(place.tree, lock, { variables: names });
  return {
    packages: { key: digest([own, texts, parts]), kin: digest([own, 'packages', settings]), parts },
    whole: installs && { key: digest([own, texts, parts, installs]), kin: digest([own, 'whole', settings]), parts },
  };
}

const isOfUv = (name: string): boolean => name.startsWith('UV_');

function digest(parts: unknown): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}
