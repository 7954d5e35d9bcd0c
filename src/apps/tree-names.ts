import { readdir } from 'node:fs/promises';
import { posix, resolve } from 'node:path';

/** Larger trees are looked through up to here. */
const MAX_ENTRIES = 20_000;
const MAX_DEPTH = 10;

/** What lies below a folder of a tree; paths from the tree's root. */
export interface TreeNames {
  readonly files: readonly string[];
  /** Links are not followed. */
  readonly links: readonly string[];
  /** Whether that is all: else the tree was too large or too deep. */
  readonly isAll: boolean;
}

/**
 * Paths of files and links, breadth first, so that a limit cuts off what lies deepest.
 * @param options.skipped names of folders that are not looked into
 * @param options.from folder to begin in; the root unless told
 */
export async function namesInTree(
  tree: string,
  options: { readonly skipped: RegExp; readonly from?: string },
): Promise<TreeNames> {
  const files: string[] = [];
  const links: string[] = [];
  let level = [options.from ?? '.'];
  let entries = 0;
  for (let depth = 0; depth < MAX_DEPTH && level.length > 0; depth++) {
    const next: string[] = [];
    for (const folder of level) {
      for (const entry of await readdir(resolve(tree, folder), { withFileTypes: true })) {
        if (++entries > MAX_ENTRIES) return { files, links, isAll: false };
        const path = posix.join(folder, entry.name);
        if (entry.isFile()) files.push(path);
        else if (entry.isSymbolicLink()) links.push(path);
        else if (entry.isDirectory() && !options.skipped.test(entry.name)) next.push(path);
      }
    }
    level = next;
  }
  return { files, links, isAll: level.length === 0 };
}
