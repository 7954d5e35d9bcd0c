import { chmod, chown, lstat, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import type { Step } from '../../deployment/launch.ts';
import type { InstanceLog } from '../runtime.ts';
import { makePrivateFolder } from './folders.ts';
import type { Instance } from './instance.ts';
import type { KeyedLock } from './keyed-lock.ts';
import { ofStart, removeInstanceFolder } from './run-inside.ts';
import { runStepCommand } from './run-step.ts';
import { sealFolder } from './seal-folder.ts';

/** Written last into a shared folder, by the service: without it the folder is half-made. */
const WHOLE = '.whole';

/**
 * Makes a folder that all instances share, unless it is whole already. It is made at its final path (a Python environment cannot be
 * moved), which is there and empty when the step runs; half of one is removed first.
 *
 * The step runs as the instances' user, for it runs code of packages; afterwards the folder belongs to the service, so that no branch
 * can change what the others use.
 */
export async function makeShared(
  instance: Instance,
  step: Step & Required<Pick<Step, 'makesShared'>>,
  { log, lock }: { log: InstanceLog; lock: KeyedLock },
): Promise<void> {
  const { path } = step.makesShared;
  instance.at(step.name);
  const make = async (): Promise<void> => {
    if (await isWhole(path)) return;
    await makeParents(instance, path);
    await removeInstanceFolder(instance, path);
    makePrivateFolder(path, instance.ground.account);
    await runStepCommand(instance, step, log, { prelude: 'umask 022\n' });
    await sealFolder(instance.ground, path, ofStart(instance));
    await writeFile(join(path, WHOLE), '');
  };
  await lock.run(path, make, { signal: instance.signal });
}

async function isWhole(path: string): Promise<boolean> {
  const marker = await lstat(join(path, WHOLE)).catch(() => undefined);
  return marker?.isFile() === true && marker.uid === (process.getuid?.() ?? 0);
}

/** The folders between `shared` and the path, each of them the service's own: a link that an instance planted is refused. */
async function makeParents(instance: Instance, path: string): Promise<void> {
  const { account, folders } = instance.ground;
  const below = relative(folders.shared, path);
  if (below === '' || below.split(sep)[0] === '..' || `${path}${sep}`.startsWith(`${folders.setups}${sep}`)) {
    throw new Error(`${path} is not below the shared folder`);
  }
  let parent = folders.shared;
  for (const part of dirname(below).split(sep)) {
    if (part === '.') continue;
    parent = join(parent, part);
    await mkdir(parent, { mode: 0o755 }).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
    const found = await lstat(parent);
    const own = process.getuid?.() ?? 0;
    if (!found.isDirectory() || found.uid !== own) throw new Error(`${parent} is not a folder of the service's own`);
    if (account) await chown(parent, own, account.gid);
    await chmod(parent, account ? 0o750 : 0o700);
  }
}
