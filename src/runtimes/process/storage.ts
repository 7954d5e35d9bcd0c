import { lstat, readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { StoredFolder } from '../runtime.ts';
import { removeFolder } from './folders.ts';
import type { Ground } from './ground.ts';
import { UNFINISHED } from './kept-setups.ts';
import { SPARE } from './spare-setups.ts';

/** A copy of a kept setup takes minutes at most: what was used within this time may be in use now; ms. */
const IN_USE_MS = 3_600_000;

/** All folders of the runtime that grow. Kept setups and their spares can go; the rest belongs to deployments, or to all of them. */
export async function storedFolders(ground: Ground, now: number): Promise<StoredFolder[]> {
  const { instances, deployments, shared, setups } = ground.folders;
  const [own, data, common, kept] = await Promise.all([
    foldersIn(instances, 'instance'),
    foldersIn(deployments, 'data'),
    foldersIn(shared, 'shared'),
    foldersIn(setups, 'setup'),
  ]);
  return [
    ...own,
    ...data,
    ...common.filter(({ path }) => path !== setups),
    ...kept.map((folder): StoredFolder => {
      const name = folder.path.slice(setups.length + 1);
      const isSpare = name.startsWith(SPARE);
      const removable = isSpare || (!name.startsWith('.') && now - folder.usedAt > IN_USE_MS);
      return { ...folder, kind: isSpare ? 'spare' : 'setup', removable };
    }),
  ];
}

/** Removes one that can go: out of everybody's way first, so that nobody takes half of it. The next start that needs it makes it anew. */
export async function removeStored(ground: Ground, folder: StoredFolder): Promise<void> {
  if (!folder.removable) throw new Error(`${folder.path} is not to be removed`);
  const name = folder.path.slice(ground.folders.setups.length + 1);
  const aside = join(ground.folders.setups, `${UNFINISHED}removed-${name}`);
  await removeFolder(aside, ground.account);
  await rename(folder.path, aside).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
  await removeFolder(aside, ground.account);
}

async function foldersIn(parent: string, kind: StoredFolder['kind']): Promise<StoredFolder[]> {
  const names = await readdir(parent);
  const found = await Promise.all(
    names.map(async (name) => {
      const path = join(parent, name);
      const entry = await lstat(path).catch(() => undefined);
      // A link leads to what is not the runtime's.
      return entry?.isDirectory() ? [{ path, kind, usedAt: entry.mtimeMs, removable: false }] : [];
    }),
  );
  return found.flat();
}
