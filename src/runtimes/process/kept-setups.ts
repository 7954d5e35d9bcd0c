import { lstat, mkdir, readdir, readFile, rename, rm, rmdir, stat, utimes } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import type { Step } from '../../deployment/launch.ts';
import { removeFolder } from './folders.ts';
import type { Ground } from './ground.ts';
import type { Instance } from './instance.ts';
import { removeInstanceFolder, runInstanceTool } from './run-inside.ts';
import { moveVirtualEnvironment } from './virtual-environment.ts';

export type Keep = NonNullable<Step['keep']>;

/** `setup.json` of a kept setup: written last, and the folder gets its name after that, so a folder with a name is whole. */
export interface KeptSetup {
  /** Root of the tree that it was made in. */
  readonly tree: string;
  /** Paths below the tree; the n-th lies in the folder as `n`, unless it is missing. */
  readonly outputs: readonly string[];
  readonly missing: readonly string[];
  readonly kin?: string;
  readonly parts?: Readonly<Record<string, string>>;
}

export const UNFINISHED = '.unfinished-';
/** SHA-256 in hex. */
const KEY = /^[0-9a-f]{64}$/;

// A private copy of its own, sharing blocks where the file system can (GNU's --reflink). Links stay links, and are never followed.
export const COPY = `rm -rf -- "$2" && mkdir -p -- "$(dirname -- "$2")" || exit 1
cp -a --reflink=auto -- "$1" "$2" 2>/dev/null || { rm -rf -- "$2"; cp -RPp -- "$1" "$2"; }`;

// A copy that was made ahead of time lies on the same file system. $1 the spare; then, for each output, its name there and its place.
// Each program that is started costs some ms of a push: mostly nothing is in the way, and the folder is there.
const MOVE_ALL = `spare=$1; shift
while [ "$#" -gt 0 ]; do
  if [ -e "$2" ] || [ -L "$2" ]; then rm -rf -- "$2" || exit 1; fi
  [ -d "\${2%/*}" ] || mkdir -p -- "\${2%/*}" || exit 1
  mv -- "$spare/$1" "$2" || exit 1
  shift 2
done`;

/** Copies what an earlier run has made into the tree. False where nothing (of the same outputs) is kept. */
export async function restoreSetup(instance: Instance, keep: Keep): Promise<boolean> {
  await instance.ground.finishing.hurry({ key: keep.key });
  const kept = await readSetup(setupFolder(instance.ground, keep.key));
  return isOf(kept, pathsBelow(instance, keep)) && takeSetup(instance, keep.key, kept);
}

/**
 * Copies into the tree what was kept last under the same kin, for the step to begin with. Returns its key; undefined where there is none.
 * Rejects where it could not be copied; then there is nothing of it.
 */
export async function beginWithKin(instance: Instance, keep: Keep): Promise<string | undefined> {
  if (keep.kin === undefined) return undefined;
  const { ground } = instance;
  await ground.finishing.hurry({ kin: keep.kin });
  const found = await newestOfKin(ground, { ...keep, kin: keep.kin, outputs: pathsBelow(instance, keep) });
  return found && (await takeSetup(instance, found.key, found.kept)) ? found.key : undefined;
}

/** The one that was used last: branches of one project differ less than its releases do. */
async function newestOfKin(
  ground: Ground,
  { kin, parts, outputs }: { kin: string; parts?: KeptSetup['parts']; outputs: readonly string[] },
): Promise<{ key: string; kept: KeptSetup } | undefined> {
  const names = (await readdir(ground.folders.setups)).filter((name) => KEY.test(name));
  const found = await Promise.all(
    names.map(async (key) => {
      const folder = setupFolder(ground, key);
      const kept = await readSetup(folder);
      if (kept?.kin !== kin || !isOf(kept, outputs) || !partsAgree(kept.parts, parts)) return [];
      const used = await stat(folder).catch(() => undefined);
      return used ? [{ key, kept, usedAt: used.mtimeMs }] : [];
    }),
  );
  return found.flat().sort((a, b) => b.usedAt - a.usedAt)[0];
}

function partsAgree(kept: KeptSetup['parts'] = {}, wanted: KeptSetup['parts'] = {}): boolean {
  return Object.entries(wanted).every(([name, part]) => (kept[name] ?? part) === part);
}

function isOf(kept: KeptSetup | undefined, outputs: readonly string[]): kept is KeptSetup {
  return JSON.stringify(kept?.outputs) === JSON.stringify(outputs);
}

/** Puts a copy of what is kept into the tree; false where it has just gone. Rejects where it could not; then there is nothing of it. */
async function takeSetup(instance: Instance, key: string, kept: KeptSetup): Promise<boolean> {
  const folder = setupFolder(instance.ground, key);
  // The time of its last use, for whoever makes room: where that has just taken it, it is made anew.
  const isThere = utimes(folder, new Date(), new Date()).then(
    () => true,
    () => false,
  );
  if (!(await isThere)) return false;
  const { account, spares } = instance.ground;
  const spare = join(instance.folders.root, 'spare');
  const places = kept.outputs.flatMap((output, index) =>
    kept.missing.includes(output) ? [] : [{ index: String(index), target: join(instance.folders.tree, output) }],
  );
  try {
    if (await spares.take(instance.ground, key, { folder: spare })) {
      if (account === null) for (const { index, target } of places) await moveInto(join(spare, index), target);
      else {
        const args = places.flatMap(({ index, target }) => [index, target]);
        await runInstanceTool(instance, MOVE_ALL, [spare, ...args], { account });
      }
      // It is empty, and lies in a folder that is not the account's.
      await rmdir(spare);
    } else {
      for (const { index, target } of places)
        await runInstanceTool(instance, COPY, [join(folder, index), target], { account });
    }
    for (const { target } of places) await moveVirtualEnvironment(instance, target, { from: kept.tree });
    return true;
  } catch (error) {
    if (!instance.signal.aborted) {
      // It may be damaged: let the next one be made anew.
      await spares.remove(instance.ground, key);
      await removeInstanceFolder(instance, folder);
      for (const { target } of places) await removeInstanceFolder(instance, target);
    }
    throw error;
  }
}

/** As `MOVE_ALL`, where the service has the instance's rights and no others: without a program. */
async function moveInto(path: string, target: string): Promise<void> {
  await rm(target, { recursive: true, force: true });
  await mkdir(dirname(target), { recursive: true });
  await rename(path, target);
}

/** Removes what a killed service left half-made. Only before the first start. */
export async function removeUnfinishedSetups(ground: Ground): Promise<void> {
  const names = await readdir(ground.folders.setups).catch(() => []);
  for (const name of names) {
    if (name.startsWith(UNFINISHED)) await removeFolder(join(ground.folders.setups, name), ground.account);
  }
}

/** What a kept setup's folder holds; undefined where there is none that is whole. */
export async function readSetup(folder: string): Promise<KeptSetup | undefined> {
  const path = join(folder, 'setup.json');
  try {
    // Under the sticky bit nobody but the service can have put it there.
    if ((await lstat(folder)).uid !== (process.getuid?.() ?? 0)) return undefined;
    return JSON.parse(await readFile(path, 'utf8')) as KeptSetup;
  } catch {
    return undefined;
  }
}

export function setupFolder(ground: Ground, key: string): string {
  if (!KEY.test(key)) throw new RangeError(`not a SHA-256 in hex: ${JSON.stringify(key)}`);
  return join(ground.folders.setups, key);
}

/** The outputs as paths below the tree. */
export function pathsBelow(instance: Instance, keep: Keep): string[] {
  return keep.outputs.map((path) => {
    const below = relative(instance.folders.tree, path);
    if (below === '' || below === '..' || below.startsWith(`..${sep}`))
      throw new Error(`${path} is not below the tree`);
    return below;
  });
}
