import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { lstat, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';

/** By path from the root of the tree: what git would keep there, as `file <id>` or `link <id>`. */
export type GitFiles = ReadonlyMap<string, string>;

/**
 * The ids that git gives to the files of a tree on disk: a hash over `blob <length>`, a zero byte and the content, of a link its target
 * (git's "Git Objects"). Folders have none.
 *
 * @param tree absolute
 * @param hash what the repository's ids are made with
 */
export async function gitFiles(tree: string, hash: 'sha1' | 'sha256'): Promise<GitFiles> {
  const files = new Map<string, string>();
  await walk('');
  return files;

  async function walk(folder: string): Promise<void> {
    for (const entry of await readdir(join(tree, folder), { withFileTypes: true })) {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory()) await walk(path);
      else if (entry.isSymbolicLink()) files.set(path, `link ${await idOfLink(path)}`);
      else files.set(path, `file ${await idOfFile(path)}`);
    }
  }

  async function idOfLink(path: string): Promise<string> {
    const target = await readlink(join(tree, path), { encoding: 'buffer' });
    return createHash(hash).update(`blob ${target.length}\0`).update(target).digest('hex');
  }

  async function idOfFile(path: string): Promise<string> {
    const absolute = join(tree, path);
    const sum = createHash(hash).update(`blob ${(await lstat(absolute)).size}\0`);
    for await (const chunk of createReadStream(absolute)) sum.update(chunk as Buffer);
    return sum.digest('hex');
  }
}
