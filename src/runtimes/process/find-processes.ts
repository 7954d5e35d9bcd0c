import { MARKER } from './environment.ts';
import type { InstanceFolders } from './folders.ts';
import { listProcesses, type ProcessId, type ProcessRow, readEnvironment } from './process-table.ts';

/** What is known of an instance's processes. */
export interface Known {
  readonly name: string;
  readonly folders: InstanceFolders;
  /** Leaders of their groups, as recorded. */
  readonly leaders: readonly ProcessId[];
  /** Pids that this very service started: nobody else had time to get their number. */
  readonly own?: ReadonlySet<number>;
}

/**
 * All processes of an instance: the groups and sessions of its leaders, what carries its marker in the environment
 * (also after leaving the group), and the descendants of both. A recorded pid that belongs to another process by now is none of them.
 *
 * Limit: a process that left its session, cleared its environment and outlived its parent is not found.
 */
export function findProcesses(known: Known): ProcessRow[] {
  const rows = listProcesses().filter((row) => row.pid !== process.pid && row.pid > 1);
  const byPid = new Map(rows.map((row) => [row.pid, row]));
  const groups = new Set<number>();
  for (const leader of known.leaders) {
    const row = byPid.get(leader.pid);
    if (row ? row.startedAt === leader.startedAt : known.own?.has(leader.pid)) groups.add(leader.pid);
  }
  const found = new Set<number>();
  for (const row of rows) {
    if (groups.has(row.group) || groups.has(row.session) || isMarked(row.pid, known)) found.add(row.pid);
  }
  for (let before = -1; before !== found.size; ) {
    before = found.size;
    for (const row of rows) if (found.has(row.parent)) found.add(row.pid);
  }
  return rows.filter((row) => found.has(row.pid));
}

/** The name alone could be that of an instance in another data directory, so one of its own folders must be there too. */
function isMarked(pid: number, { name, folders }: Known): boolean {
  const environment = readEnvironment(pid);
  return (
    environment.includes(`${MARKER}=${name}`) &&
    (environment.includes(`HOME=${folders.home}`) || environment.includes(`TMPDIR=${folders.temporary}`))
  );
}
