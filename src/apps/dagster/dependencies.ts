import { posix } from 'node:path';
import type { TomlTable } from 'smol-toml';
import { ProblemError } from '../../errors.ts';
import { kindInTree, readInTree, resolveInTree } from '../tree-files.ts';
import { lockedVersions, readToml, tableAt } from './project-files.ts';
import { uvWorkspaceOf } from './uv-workspace.ts';

/** What says which packages a location needs. */
export interface Dependencies {
  readonly kind: 'uv' | 'requirements' | 'poetry' | 'project';
  /** Folder of the file, from the root of the tree. */
  readonly folder: string;
  /** The file itself. */
  readonly file: string;
  /** Whether the folder is also a package that says how it is built. */
  readonly installable: boolean;
  /** The pyproject.toml of the location itself, else of that folder. */
  readonly project: TomlTable | undefined;
  /** Text of a lock file, read. */
  readonly lock?: TomlTable | undefined;
  /** The release of Dagster that it names, where it names one. */
  readonly dagsterVersion?: string;
}

/**
 * What says which packages a location needs: a file of its own folder, else of the nearest folder above it, up to the app's.
 * @param options.top the app's folder
 * @throws ProblemError 422 where nothing says it, or a lock file holds no Dagster
 */
export async function findDependencies(
  tree: string,
  directory: string,
  options: { readonly top: string },
): Promise<Dependencies> {
  for (let folder = directory; ; folder = posix.dirname(folder)) {
    const found = await dependenciesOf(tree, folder);
    if (found) return found;
    if (folder === options.top || folder === '.') break;
  }
  const where = directory === '.' ? 'The project' : `"${directory}"`;
  throw new ProblemError(
    'nothing-to-install',
    422,
    `${where} has no uv.lock, requirements.txt, poetry.lock or setup.py, and no [project] in pyproject.toml: nothing says what to install. Add one of them that names dagster (run: uv init --bare && uv add dagster), or the key setup to .branch-deployment.yml.`,
  );
}

async function dependenciesOf(tree: string, folder: string): Promise<Dependencies | undefined> {
  const path = (name: string): string => resolveInTree(folder, name) as string;
  const has = async (name: string): Promise<boolean> => (await kindInTree(tree, path(name))) === 'file';
  const project = await readToml(tree, path('pyproject.toml'));
  const declared = tableAt(project, 'project') ?? tableAt(project, 'tool', 'poetry');
  const setupPy = await has('setup.py');
  const installable = setupPy || tableAt(project, 'build-system') !== undefined;
  const own = { folder, installable, project };

  const workspace = (await has('uv.lock')) ? folder : declared ? await uvWorkspaceOf(tree, folder) : undefined;
  if (workspace !== undefined) {
    const file = resolveInTree(workspace, 'uv.lock') as string;
    return { kind: 'uv', ...own, folder: workspace, ...(await readLock(tree, file, 'uv add dagster')) };
  }
  if (await has('requirements.txt')) {
    const file = path('requirements.txt');
    const dagsterVersion = pinned((await readInTree(tree, file)) ?? '');
    return { kind: 'requirements', ...own, file, ...(dagsterVersion ? { dagsterVersion } : {}) };
  }
  if (await has('poetry.lock')) {
    return { kind: 'poetry', ...own, ...(await readLock(tree, path('poetry.lock'), 'poetry add dagster')) };
  }
  if (tableAt(project, 'project') !== undefined || (declared && installable))
    return { kind: 'project', ...own, file: path('pyproject.toml') };
  return setupPy ? { kind: 'project', ...own, file: path('setup.py') } : undefined;
}

/** A lock file names all packages, so one without Dagster cannot be what was meant. */
async function readLock(
  tree: string,
  file: string,
  mend: string,
): Promise<Pick<Dependencies, 'file' | 'lock' | 'dagsterVersion'>> {
  const lock = await readToml(tree, file);
  const versions = lockedVersions(lock);
  const dagsterVersion = versions?.get('dagster');
  if (versions !== undefined && dagsterVersion === undefined) {
    throw new ProblemError(
      'no-dagster',
      422,
      `${file} holds no dagster, so there is nothing that could run the location. Add it (run: ${mend}).`,
    );
  }
  return { file, lock, ...(dagsterVersion ? { dagsterVersion } : {}) };
}

/** The release in a line `dagster==1.2.3` of a requirements.txt. */
function pinned(text: string): string | undefined {
  return /^\s*dagster\s*(?:\[[^\]]*\])?\s*===?\s*([\w.]+)/m.exec(text)?.[1];
}
