import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readRecord } from '../../src/runtimes/process/record.ts';

export interface MemoryOfProcess {
  /** As the instance's record has it: "webserver". */
  readonly name: string;
  readonly megabytes: number;
}

/**
 * What each process of the instances below a data directory takes, with those that it has started: pages that it shares with others count
 * by its share (Linux: Pss). Nothing where the system does not tell.
 */
export function memoryByProcess(dataDir: string): MemoryOfProcess[] {
  const parents = parentsOfAll();
  if (parents.size === 0) return [];
  const instances = join(dataDir, 'instances');
  return readdirSync(instances)
    .flatMap((name) => readRecord(join(instances, name, 'instance.json'))?.processes ?? [])
    .map(({ name, pid }) => ({
      name,
      megabytes: [...parents.keys()]
        .filter((one) => descendsFrom(one, pid, parents))
        .reduce((sum, one) => sum + megabytesOf(one), 0),
    }));
}

function parentsOfAll(): Map<number, number> {
  const parents = new Map<number, number>();
  for (const name of listOrNone('/proc').filter((one) => /^\d+$/.test(one))) {
    const status = readOrNone(`/proc/${name}/status`);
    const parent = /^PPid:\s+(\d+)$/m.exec(status)?.[1];
    if (parent !== undefined) parents.set(Number(name), Number(parent));
  }
  return parents;
}

function descendsFrom(pid: number, ancestor: number, parents: ReadonlyMap<number, number>): boolean {
  for (let at: number | undefined = pid; at !== undefined && at !== 0; at = parents.get(at)) {
    if (at === ancestor) return true;
  }
  return false;
}

function megabytesOf(pid: number): number {
  const kibibytes = /^Pss:\s+(\d+) kB$/m.exec(readOrNone(`/proc/${pid}/smaps_rollup`))?.[1] ?? '0';
  return (Number(kibibytes) * 1024) / 1e6;
}

function readOrNone(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function listOrNone(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
