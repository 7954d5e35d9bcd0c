import { execFile } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync } from 'node:fs';
import { lstat, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Account, spawnAs } from './account.ts';

/**
 * Folders of the runtime below the data directory. Where instances have a user of their own, the service owns what leads to
 * them and what it believes in (records, kept setups); instances own only their private folders.
 */
export interface DataFolders {
  readonly instances: string;
  readonly deployments: string;
  readonly shared: string;
  readonly setups: string;
}

/** What belongs to one instance. */
export interface InstanceFolders {
  readonly root: string;
  readonly record: string;
  readonly output: string;
  readonly tree: string;
  /** A tree of other code, which something beside the instance works on for a while. */
  readonly otherTree: string;
  readonly work: string;
  readonly home: string;
  readonly temporary: string;
}

/** The runtime's folders below `dataDir` (absolute). */
export function dataFolders(dataDir: string): DataFolders {
  const shared = join(dataDir, 'shared');
  return {
    instances: join(dataDir, 'instances'),
    deployments: join(dataDir, 'deployments'),
    shared,
    setups: join(shared, 'setups'),
  };
}

/** The folders of the instance `name`, whether they are there or not. */
export function instanceFolders(folders: DataFolders, name: string): InstanceFolders {
  const root = join(folders.instances, checkName(name));
  return {
    root,
    record: join(root, 'instance.json'),
    output: join(root, 'output.log'),
    tree: join(root, 'tree'),
    otherTree: join(root, 'other-tree'),
    work: join(root, 'work'),
    home: join(root, 'home'),
    temporary: join(root, 'tmp'),
  };
}

/** The folder that stays from revision to revision. */
export function deploymentFolder(folders: DataFolders, deployment: string): string {
  return join(folders.deployments, checkName(deployment));
}

/** Names become folders: nothing that could leave the folder they lie in. */
function checkName(name: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(name))
    throw new RangeError(`not an instance's or deployment's name: ${JSON.stringify(name)}`);
  return name;
}

/** Makes the folders that all instances share. Idempotent. */
export function makeDataFolders(folders: DataFolders, account: Account | null): void {
  for (const path of [folders.instances, folders.deployments]) makeFolder(path, account, { mode: 0o710 });
  // Sticky: instances make caches in it, but cannot replace what belongs to the service or is sealed.
  makeFolder(folders.shared, account, { mode: 0o1770 });
  makeFolder(folders.setups, account, { mode: 0o710 });
}

/**
 * Makes the folders of one instance, and its deployment's; the tree itself is left to the source. Synchronous: it takes less than each wait for
 * it would, behind whatever else the service does just then, while somebody waits for the start.
 */
export function makeInstanceFolders(own: InstanceFolders, data: string, account: Account | null): void {
  makeFolder(own.root, account, { mode: 0o710 });
  for (const path of [own.work, own.home, own.temporary, data]) makePrivateFolder(path, account);
}

/** A folder that instances reach into and the service owns: `mode` where they have a user of their own, else 0700. */
function makeFolder(path: string, account: Account | null, options: { mode: number }): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  if (account) chownSync(path, process.getuid?.() ?? 0, account.gid);
  chmodSync(path, account ? options.mode : 0o700);
}

/** A folder that belongs to instances alone. */
export function makePrivateFolder(path: string, account: Account | null): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  if (account) chownSync(path, account.uid, account.gid);
}

/**
 * Removes a folder with all that is in it; also one whose inner folders may not be written. Fine where there is none.
 * What belongs to the account is removed with the account's rights first, so that no link can lead the service astray.
 */
export async function removeFolder(
  path: string,
  account: Account | null,
  options: { env?: Readonly<Record<string, string>> } = {},
): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found?.isDirectory()) {
    const inner = account ? (await readdir(path)).map((name) => join(path, name)) : [path];
    const script = 'rm -rf -- "$@" 2>/dev/null || { chmod -R u+rwx -- "$@"; rm -rf -- "$@"; } 2>/dev/null; true';
    await promisify(execFile)('/bin/sh', ['-c', script, 'sh', ...inner], {
      cwd: '/',
      env: options.env ?? {},
      ...spawnAs(account),
    });
  }
  await rm(path, { recursive: true, force: true, maxRetries: 3 });
}
