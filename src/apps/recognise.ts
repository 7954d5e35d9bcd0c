import type { AppSpec, CommandSpec, CommonSpec } from '../deployment/app-spec.ts';
import { ProblemError } from '../errors.ts';
import { APP_FILE, type AppFile } from './app-file/schema.ts';
import { presetOf, readAppFile } from './app-file.ts';
import type { InstalledPythons } from './dagster/installed-pythons.ts';
import { recogniseDagster } from './dagster/recognise-dagster.ts';
import { dotenvRemarks, readDotenv } from './dotenv.ts';
import { checkPersisted } from './persisted-folders.ts';
import type { RecogniseRequest } from './preset.ts';
import { suggestAppFile } from './suggest-app-file.ts';
import { kindInTree, resolveInTree } from './tree-files.ts';

/** Files that pin what setup installs, with those beside them that change what it does. The first of a group decides. */
const LOCK_GROUPS = [
  {
    locks: ['package-lock.json', 'npm-shrinkwrap.json', 'yarn.lock', 'pnpm-lock.yaml', 'bun.lock', 'bun.lockb'],
    beside: ['package.json', '.npmrc', '.yarnrc.yml', 'pnpm-workspace.yaml'],
  },
  {
    locks: ['uv.lock', 'poetry.lock', 'pdm.lock', 'Pipfile.lock', 'requirements.txt'],
    beside: ['pyproject.toml', 'uv.toml', '.python-version'],
  },
  { locks: ['Gemfile.lock', 'composer.lock', 'go.sum', 'Cargo.lock', 'mix.lock'], beside: [] },
] as const;

const DEFAULT_OUTPUTS = ['node_modules', '.venv'];

/**
 * How to run what a branch sent: its app file, else what is recognised. Reads the tree and changes nothing.
 *
 * @param options.passed names of the service's variables that instances get too: a `.env` may not set them
 * @param options.pythons where uv may not download a Python: which ones are installed
 * @param options.isInstalled whether a Dagster project's environments are there, so that nothing has to say what to install
 * @throws ProblemError 422 that says what to change, and where
 */
export async function recognise(
  request: RecogniseRequest,
  options: {
    readonly passed?: readonly string[];
    readonly pythons?: InstalledPythons | undefined;
    readonly isInstalled?: boolean;
  } = {},
): Promise<AppSpec> {
  const { tree } = request;
  const { passed = [], pythons, isInstalled = false } = options;
  const directory = resolveInTree('.', request.directory);
  if (directory === undefined || (await kindInTree(tree, directory)) !== 'folder') {
    throw new ProblemError(
      'no-directory',
      422,
      `There is no folder "${request.directory}" in what was uploaded. Set the component's inputs so that "directory" lies within "context".`,
    );
  }
  const file = await readAppFile(tree, directory, request.variables);
  const common = await commonSpec({ ...request, directory }, { file, passed });
  const spec =
    file && presetOf(file) === 'command'
      ? await commandSpec(file, common, { tree })
      : await recogniseDagster({ tree, file, common, passed, pythons, isInstalled });
  if (spec) {
    await checkPersisted(tree, spec);
    return spec;
  }
  throw new ProblemError('nothing-recognised', 422, await suggestAppFile(tree, directory));
}

async function commonSpec(
  request: RecogniseRequest,
  options: { file: AppFile | undefined; passed: readonly string[] },
): Promise<CommonSpec> {
  const { tree, directory, timeoutMs } = request;
  const path = resolveInTree(directory, '.env') as string;
  const dotenv = await readDotenv(tree, path, { passed: options.passed });
  const env = Object.fromEntries(Object.entries(options.file?.env ?? {}).map(([name, value]) => [name, String(value)]));
  // Their form has been checked with the file's.
  const persist = (options.file?.persist ?? []).map((one) => resolveInTree(directory, one) as string);
  return {
    directory,
    env,
    dotenv: dotenv?.values ?? {},
    timeoutMs,
    ...(persist.length > 0 ? { persist } : {}),
    ...(request.variables?.length ? { variables: request.variables } : {}),
    ...(request.setupVariables?.length ? { setupVariables: request.setupVariables } : {}),
    remarks: [
      ...(dotenv ? dotenvRemarks(path, dotenv) : []),
      ...(persist.length > 0 ? [`persist: ${persist.join(', ')} stay from push to push`] : []),
    ],
  };
}

async function commandSpec(file: AppFile, common: CommonSpec, options: { tree: string }): Promise<CommandSpec> {
  const inside = (key: string, paths: readonly string[]): string[] =>
    paths.map((path) => {
      const resolved = resolveInTree(common.directory, path);
      if (resolved !== undefined) return resolved;
      throw new ProblemError('app-file', 422, `${APP_FILE}: ${key}: "${path}" leaves the uploaded folder.`);
    });
  const inputs =
    file.setup === undefined ? [] : (file.setup_inputs ?? (await findLocks(options.tree, common.directory)));
  const remarks = [`preset command: ${APP_FILE} says so`, ...common.remarks];
  if (file.setup !== undefined) {
    for (const path of inputs) {
      const kind = await kindInTree(options.tree, resolveInTree(common.directory, path) ?? path);
      if (kind === 'missing')
        remarks.push(`setup_inputs: there is no "${path}" (it takes no patterns), so it decides nothing`);
    }
    remarks.push(
      inputs.length > 0
        ? `setup: its outputs are kept for the content of ${inputs.join(', ')}`
        : 'setup runs for every revision: no lock file is there, and setup_inputs names no file',
    );
  }
  return {
    ...common,
    preset: 'command',
    ...(file.setup === undefined ? {} : { setup: file.setup }),
    setupInputs: inside('setup_inputs', inputs),
    setupOutputs: inside('setup_outputs', file.setup_outputs ?? DEFAULT_OUTPUTS),
    ...(file.prepare === undefined ? {} : { prepare: file.prepare }),
    start: file.start as string,
    health: file.health ?? '/',
    remarks,
  };
}

async function findLocks(tree: string, directory: string): Promise<string[]> {
  const there = async (names: readonly string[]): Promise<string[]> => {
    const kinds = await Promise.all(names.map((name) => kindInTree(tree, resolveInTree(directory, name) as string)));
    return names.filter((_, index) => kinds[index] === 'file');
  };
  const found: string[] = [];
  for (const { locks, beside } of LOCK_GROUPS) {
    const own = await there(locks);
    if (own.length > 0) found.push(...own, ...(await there(beside)));
  }
  return found;
}
