import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Place, PlannedFile } from '../../deployment/launch.ts';
import type { Instance } from './instance.ts';
import { isBelow } from './lies-in-tree.ts';
import { runInstanceTool } from './run-inside.ts';

/**
 * Writes a file of a plan as a whole, as the instance's user: the deployment's folder holds what earlier revisions left, also links. A link
 * at the path itself is replaced.
 */
export async function writePlannedFile(
  instance: Instance,
  place: Place,
  { path, content }: PlannedFile,
): Promise<void> {
  if (!isBelow(path, place.work) && !isBelow(path, place.data)) {
    throw new Error(`${path} is neither below the instance's work folder nor below the deployment's`);
  }
  const { account } = instance.ground;
  if (account) {
    const script = 'umask 077; mkdir -p -- "$(dirname -- "$1")" && cat > "$1.$$" && mv -f -- "$1.$$" "$1"';
    return runInstanceTool(instance, script, [path], { account, input: content });
  }
  // The service has the instance's rights and no others, and each program would be some ms more before the first process.
  const unfinished = `${path}.${instance.record.name}`;
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await rm(unfinished, { force: true });
  await writeFile(unfinished, content, { mode: 0o600 });
  await rename(unfinished, path);
}
