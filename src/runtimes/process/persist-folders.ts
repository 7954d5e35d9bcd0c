import { lstat } from 'node:fs/promises';
import { relative } from 'node:path';
import type { LaunchPlan, Place } from '../../deployment/launch.ts';
import type { InstanceLog } from '../runtime.ts';
import type { Instance } from './instance.ts';
import type { KeyedLock } from './keyed-lock.ts';
import { isBelow, liesInTree } from './lies-in-tree.ts';
import { runInstanceTool } from './run-inside.ts';

// $1 the kept folder, $2 its place in the tree. The kept folder gets its name when it is whole; a start that was cut short begins with
// a tree of its own again, so nothing is lost where only the first `mv` was done.
const LINK = `umask 077
if [ ! -d "$1" ]; then
  rm -rf -- "$1.part" && mkdir -p -- "$(dirname -- "$1")" || exit
  if [ -d "$2" ]; then mv -- "$2" "$1.part" || exit; else mkdir -- "$1.part" || exit; fi
  mv -- "$1.part" "$1" || exit
fi
rm -rf -- "$2" && mkdir -p -- "$(dirname -- "$2")" && ln -s -- "$1" "$2"`;

/**
 * Puts links to the deployment's persisted folders into the tree, which nothing has run in yet. The first start that names a folder
 * gives it what its tree has there. With the instance's rights: what is kept holds what branches left, also links.
 */
export async function persistFolders(
  instance: Instance,
  plan: LaunchPlan,
  options: { place: Place; log: InstanceLog; lock: KeyedLock },
): Promise<void> {
  const { place, log, lock } = options;
  const { account } = instance.ground;
  for (const { path, kept } of plan.persist ?? []) {
    if (!(await liesInTree(path, place.tree))) throw new Error(`${path} is not below the tree`);
    if (!isBelow(kept, place.data)) throw new Error(`${kept} is not below the deployment's folder`);
    // Two revisions of a deployment may start beside each other.
    await lock.run(
      kept,
      async () => {
        const isKept = (await lstat(kept).catch(() => undefined)) !== undefined;
        await runInstanceTool(instance, LINK, [kept, path], { account });
        const what = isKept ? 'as earlier pushes left it' : 'begins with what this push has there';
        log.say(`persist: ${relative(place.tree, path)}: ${what}`);
      },
      { signal: instance.signal },
    );
  }
}
