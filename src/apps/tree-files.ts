import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, realpath, stat } from 'node:fs/promises';
import { posix, relative, resolve, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { ProblemError } from '../errors.ts';

/**
 * Reading what a branch sent. Its tree was checked when it was uploaded; a link is followed here all the same only where it
 * ends inside the tree, so that no file of the machine's is ever read for a branch.
 */

/** Larger files are not read: what is looked for here is written by people or is a lock file. */
const MAX_FILE_BYTES = 16 * 1024 * 1024;

/**
 * A path that the repository names, relative to the root of the tree; `.` is the root.
 * @param from folder that `path` is relative to, itself relative to the root
 * @returns undefined where it is absolute, leaves the tree, or holds a character that no path needs
 */
export function resolveInTree(from: string, path: string): string | undefined {
  if (path === '' || posix.isAbsolute(path) || /[\p{Cc}\p{Cs}\\]/u.test(path)) return undefined;
  const joined = posix.normalize(posix.join(from, path)).replace(/\/+$/, '');
  return joined === '..' || joined.startsWith('../') ? undefined : joined || '.';
}

/** What is at a path of the tree. `outside` is a link that leaves the tree. */
export async function kindInTree(tree: string, path: string): Promise<'file' | 'folder' | 'missing' | 'outside'> {
  try {
    const real = await realpath(resolve(tree, path));
    if (!isBelow(await realpath(tree), real)) return 'outside';
    const found = await stat(real);
    return found.isDirectory() ? 'folder' : found.isFile() ? 'file' : 'missing';
  } catch {
    return 'missing';
  }
}

/**
 * Text of a file of the tree; undefined where there is none.
 * @throws ProblemError 422 where the path is a link that leaves the tree, or the file is larger than `maxBytes`
 */
export async function readInTree(
  tree: string,
  path: string,
  options: { readonly maxBytes?: number } = {},
): Promise<string | undefined> {
  const kind = await kindInTree(tree, path);
  if (kind === 'outside') {
    throw new ProblemError(
      'path-outside',
      422,
      `"${path}" is a link that leaves the uploaded folder. Put the file itself there.`,
    );
  }
  if (kind !== 'file') return undefined;
  const maxBytes = options.maxBytes ?? MAX_FILE_BYTES;
  const { size } = await stat(resolve(tree, path));
  if (size > maxBytes) {
    throw new ProblemError('file-too-large', 422, `"${path}" has ${size} bytes; at most ${maxBytes} are read.`);
  }
  return await readFile(resolve(tree, path), 'utf8');
}

/** SHA-256 of a file of the tree, of any size, in hex; undefined where there is none in the tree. */
export async function digestInTree(tree: string, path: string): Promise<string | undefined> {
  if ((await kindInTree(tree, path)) !== 'file') return undefined;
  const hash = createHash('sha256');
  await pipeline(createReadStream(await realpath(resolve(tree, path))), hash);
  return hash.digest('hex');
}

function isBelow(root: string, path: string): boolean {
  const way = relative(root, path);
  return way !== '..' && !way.startsWith(`..${sep}`);
}
