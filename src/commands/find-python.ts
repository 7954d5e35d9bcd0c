import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { delimiter, join, posix, resolve } from 'node:path';

/**
 * The interpreter that somebody named: by its path, or by a name that is looked for on `path` (the variable `PATH`).
 * @returns its absolute path; undefined where there is none that can be run
 */
export async function findNamedPython(named: string, path: string): Promise<string | undefined> {
  const folders = path.split(delimiter).filter((folder) => folder !== '');
  return await firstExecutable(
    named.includes('/') ? [resolve(named)] : folders.map((folder) => resolve(folder, named)),
  );
}

/**
 * The interpreter of a location: that of the nearest `.venv` from its folder up to its tree's root, in the first tree that has one.
 *
 * @param directory folder of the location in its tree
 * @param trees absolute paths of the trees to look in, best first
 * @returns undefined where there is none
 */
export async function findPython(directory: string, trees: readonly string[]): Promise<string | undefined> {
  const folders = [directory];
  while (folders.at(-1) !== '.') folders.push(posix.dirname(folders.at(-1) as string));
  return await firstExecutable(
    trees.flatMap((tree) => folders.map((folder) => join(tree, folder, '.venv', 'bin', 'python'))),
  );
}

async function firstExecutable(files: readonly string[]): Promise<string | undefined> {
  for (const file of files) {
    const isThere = await access(file, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isThere) return file;
  }
  return undefined;
}
