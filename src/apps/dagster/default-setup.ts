import { ProblemError } from '../../errors.ts';
import { kindInTree, resolveInTree } from '../tree-files.ts';
import { findUvLock, readToml, tableAt } from './project-files.ts';

/** How a location's environment is made where nobody said how. */
export interface DefaultSetup {
  /** For `sh`, in the location's folder, where `VIRTUAL_ENV` and `UV_PROJECT_ENVIRONMENT` name its own environment. */
  readonly command: string;
  readonly remark: string;
  readonly lock?: string;
}

/**
 * The default of README "The app file": `uv sync --locked` with a uv.lock, else requirements.txt, else the project itself.
 * @throws ProblemError 422 where nothing says what to install
 */
export async function defaultSetup(
  tree: string,
  directory: string,
  options: { readonly python: string | undefined },
): Promise<DefaultSetup> {
  // The schema of the app file allows no quotes or blanks in it.
  const python = options.python === undefined ? '' : ` --python ${options.python}`;
  const has = async (name: string): Promise<boolean> =>
    (await kindInTree(tree, resolveInTree(directory, name) as string)) === 'file';

  const lock = await findUvLock(tree, directory);
  if (lock !== undefined) return { command: `uv sync --locked${python}`, remark: `uv sync --locked (${lock})`, lock };
  if (await has('requirements.txt')) {
    return {
      command: `uv venv${python} && uv pip install -r requirements.txt`,
      remark: 'uv pip install (requirements.txt)',
    };
  }
  const project = await readToml(tree, resolveInTree(directory, 'pyproject.toml') as string);
  if (await has('poetry.lock')) {
    throw new ProblemError(
      'not-yet',
      422,
      `${resolveInTree(directory, 'poetry.lock')}: environments from poetry.lock are not built yet. Add a uv.lock (run: uv lock) or a requirements.txt, or say how in .branch-deployment.yml with the key setup.`,
    );
  }
  if (tableAt(project, 'project') || (await has('setup.py'))) {
    return {
      command: `uv venv${python} && uv pip install -e .`,
      remark: 'uv pip install -e . (no uv.lock, no requirements.txt)',
    };
  }
  throw new ProblemError(
    'nothing-to-install',
    422,
    `${directory === '.' ? 'The project' : `"${directory}"`} has no uv.lock, no requirements.txt and no [project] in pyproject.toml: nothing says what to install. Add one of them (run: uv lock), or the key setup to .branch-deployment.yml.`,
  );
}
