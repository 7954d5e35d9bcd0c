import { lstat, realpath } from 'node:fs/promises';
import { dirname, resolve, sep } from 'node:path';

/**
 * Whether an absolute path lies below the tree, also when the links on the way to it are followed. Ask before anything of the
 * repository's has run: then links stay what they are between the look and the act.
 */
export async function liesInTree(path: string, tree: string): Promise<boolean> {
  if (!isBelow(path, tree)) return false;
  let parent = dirname(path);
  while (parent !== tree && !(await lstat(parent).catch(() => undefined))) parent = dirname(parent);
  const real = await realpath(parent).catch(() => undefined);
  const root = await realpath(tree);
  return real === root || (real !== undefined && isBelow(real, root));
}

/** Whether an absolute path, without `..`, lies below a folder. */
export function isBelow(path: string, folder: string): boolean {
  return resolve(path) === path && path.startsWith(folder + sep);
}
