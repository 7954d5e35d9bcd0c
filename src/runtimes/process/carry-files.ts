import { lstat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { Step } from '../../deployment/launch.ts';
import { messageOf } from '../../errors.ts';
import type { InstanceLog } from '../runtime.ts';
import type { Instance } from './instance.ts';
import { runInstanceTool } from './run-inside.ts';

type Carry = NonNullable<Step['carry']>;

/** Copies whole files: `$1` → `$2`, `$3` → `$4`, … What a killed copy left is removed; a reader never sees half a file. */
const COPY = `umask 077
while [ $# -gt 0 ]; do
  mkdir -p -- "$(dirname -- "$2")" && rm -f -- "$2".*.part && cp -- "$1" "$2.$$.part" && mv -f -- "$2.$$.part" "$2" || exit
  shift 2
done`;

/** Puts what the deployment's last successful run of a step left into the tree, where the tree has no such file. A fault is only said. */
export async function takeCarried(instance: Instance, step: Step, log: InstanceLog): Promise<void> {
  if (!step.carry) return;
  const pairs: Array<[from: string, to: string]> = [];
  for (const [file, kept] of pairsOf(instance, step.carry)) {
    if ((await isFile(kept)) && !(await isThere(file))) pairs.push([kept, file]);
  }
  if (!(await copy(instance, step, { pairs, log }))) return;
  const names = pairs.map(([, file]) => relative(instance.folders.tree, file));
  log.say(`${step.name}: begins with ${names.join(', ')} of an earlier push`);
}

/** Keeps the files for the deployment's next run of the step. A fault is only said: the step itself is done. */
export async function keepCarried(instance: Instance, step: Step, log: InstanceLog): Promise<void> {
  if (!step.carry) return;
  const pairs: Array<[from: string, to: string]> = [];
  for (const [file, kept] of pairsOf(instance, step.carry)) if (await isFile(file)) pairs.push([file, kept]);
  await copy(instance, step, { pairs, log });
}

function pairsOf(instance: Instance, carry: Carry): Array<[file: string, kept: string]> {
  return carry.files.map((file) => [file, join(carry.folder, relative(instance.folders.tree, file))]);
}

/** With the instance's rights: both places hold what branches left, also links. */
async function copy(
  instance: Instance,
  step: Step,
  { pairs, log }: { pairs: ReadonlyArray<readonly [from: string, to: string]>; log: InstanceLog },
): Promise<boolean> {
  if (pairs.length === 0) return false;
  try {
    await runInstanceTool(instance, COPY, pairs.flat(), { account: instance.ground.account });
    return true;
  } catch (error) {
    instance.signal.throwIfAborted();
    log.say(`${step.name}: its files could not be carried over: ${messageOf(error)}`);
    return false;
  }
}

async function isFile(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => undefined))?.isFile() === true;
}

async function isThere(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => undefined)) !== undefined;
}
