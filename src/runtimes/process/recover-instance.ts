import { existsSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { endProcesses } from './end-processes.ts';
import { findProcesses } from './find-processes.ts';
import { instanceFolders, removeFolder } from './folders.ts';
import type { Ground } from './ground.ts';
import { Instance, LEFTOVER_GRACE_MS } from './instance.ts';
import { isAlive } from './process-table.ts';
import { type InstanceRecord, readRecord } from './record.ts';

/** How long a forked child may take to become its program on a busy machine. */
const FORKED_MS = 200;

/**
 * What an earlier service has left under this name: a running instance is adopted, one that lost a process in between or had
 * exited before is exited. Undefined where there is none: what a start or a stop left when it was interrupted is ended first.
 * An instance that lost all its processes was most likely ended with the machine or the container: no fault of its own, so it
 * counts as absent too.
 */
export async function recoverInstance(ground: Ground, name: string): Promise<Instance | undefined> {
  const folders = instanceFolders(ground.folders, name);
  // The folder is there before anything runs in it, and goes last.
  if (!existsSync(folders.root)) return undefined;
  const record = readRecord(folders.record);
  if (record?.name !== name || wasInterrupted(record)) {
    const leaders = record?.name === name ? [...record.processes, ...record.commands] : [];
    await endLeftovers(ground, name, leaders);
    // A child that the service forked as it was killed carries the instance's name only once it has become its program.
    await delay(FORKED_MS);
    await endLeftovers(ground, name, leaders);
    if (record?.name === name) new Instance(ground, record).save({ stage: 'interrupted', processes: [], commands: [] });
    return undefined;
  }
  if (record.stage === 'interrupted') return undefined;
  const instance = new Instance(ground, record);
  ground.ports.hold(name, Object.values(record.ports));
  if (record.stage === 'running') {
    // A hook that nobody follows any more; whoever asked for it asks again. Without a name only its own group is found.
    await endProcesses(() => findProcesses({ name: '', folders, leaders: record.commands }), {
      graceMs: LEFTOVER_GRACE_MS,
    });
    if (record.commands.length > 0) instance.save({ commands: [] });
    // What something beside it was working on.
    await removeFolder(folders.otherTree, ground.account);
    instance.tick();
  } else {
    await endLeftovers(ground, name, record.processes);
  }
  return instance;
}

function wasInterrupted({ stage, processes }: InstanceRecord): boolean {
  return stage === 'preparing' || stage === 'stopping' || (stage === 'running' && !processes.some(isAlive));
}

/** Ends all processes of an instance that is not there, or not as a whole. */
export async function endLeftovers(
  ground: Ground,
  name: string,
  leaders: ReadonlyArray<{ pid: number; startedAt: string }>,
): Promise<void> {
  const folders = instanceFolders(ground.folders, name);
  await endProcesses(() => findProcesses({ name, folders, leaders }), { graceMs: LEFTOVER_GRACE_MS });
}
