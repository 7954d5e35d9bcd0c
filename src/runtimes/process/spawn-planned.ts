import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, statSync } from 'node:fs';
import { relative } from 'node:path';
import type { PlannedProcess } from '../../deployment/launch.ts';
import { spawnAs } from './account.ts';
import type { InstanceFolders } from './folders.ts';
import type { Ground } from './ground.ts';
import { openOutput } from './output.ts';

/**
 * Starts a process that stays, in a group of its own and with the instances' rights; it prints into the instance's output. Throws where its
 * folder is not there, with a sentence for people; a program that is not there is an `error` of the child's.
 * @param env all of its environment
 */
export function spawnPlanned(
  { ground, folders }: { readonly ground: Ground; readonly folders: InstanceFolders },
  planned: PlannedProcess,
  env: Readonly<Record<string, string>>,
): ChildProcess {
  const { name, directory, argv } = planned;
  if (!statSync(directory, { throwIfNoEntry: false })?.isDirectory()) {
    throw new Error(`the ${name} could not be started: there is no folder ${relative(folders.tree, directory)}`);
  }
  const output = openOutput(folders.output);
  try {
    return spawn(argv[0], argv.slice(1), {
      cwd: directory,
      env,
      detached: true,
      stdio: ['ignore', output, output],
      ...spawnAs(ground.account),
    });
  } finally {
    closeSync(output);
  }
}
