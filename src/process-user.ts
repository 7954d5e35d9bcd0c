import { execFileSync, spawnSync } from 'node:child_process';
import { dirname } from 'node:path';

/** Ids of the user that branches run as; null where that is the service's own user. Read with `id`, as Node knows no user database. */
export function resolveProcessUser(name: string | null): { readonly uid: number; readonly gid: number } | null {
  if (name === null) return null;
  const ask = (flag: string) =>
    Number(execFileSync('id', [flag, '--', name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim());
  let user: { uid: number; gid: number };
  try {
    user = { uid: ask('-u'), gid: ask('-g') };
  } catch {
    throw new Error(
      `BD_PROCESS_USER: there is no user "${name}" on this machine. Make one (useradd --system ${name}), or name another.`,
    );
  }
  if (user.uid === process.getuid?.()) return null;
  if (process.getuid?.() !== 0)
    throw new Error(
      `BD_PROCESS_USER: only root can run branches as another user ("${name}"). Leave it out, or start the service as root.`,
    );
  return user;
}

/**
 * @throws where the user that branches run as cannot reach the data folder: every branch would fail, and seem to be at fault itself
 */
export function checkReach(user: { readonly uid: number; readonly gid: number } | null, folder: string): void {
  if (user === null) return;
  for (let path = folder, above = dirname(path); ; path = above, above = dirname(path)) {
    if (spawnSync('test', ['-x', path], { uid: user.uid, gid: user.gid, cwd: '/' }).status === 0) {
      if (path === above) return;
      continue;
    }
    throw new Error(
      `BD_PROCESS_USER: that user cannot pass through ${path}, so it cannot reach BD_DATA_DIR (${folder}). Put BD_DATA_DIR below a folder that it can pass through, or open that one (chmod o+x).`,
    );
  }
}
