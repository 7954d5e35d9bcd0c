import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/** One process of the system, as seen now. */
export interface ProcessRow {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  /** When it began, in the system's own terms: only compared. With the pid it names a process for ever, over reboots too. */
  readonly startedAt: string;
}

/** Names one process for ever; a pid alone is given to another process some day. */
export interface ProcessId {
  readonly pid: number;
  readonly startedAt: string;
}

const bootId = readText('/proc/sys/kernel/random/boot_id')?.trim();

/** Whether the system has Linux's /proc; without it `ps` tells less. */
const hasProc = bootId !== undefined;

/** The process with this pid; undefined where there is none or only its remains wait to be collected. */
export function readProcess(pid: number): ProcessRow | undefined {
  return hasProc ? parseStat(pid, readText(`/proc/${pid}/stat`)) : listByPs(['-p', String(pid)])[0];
}

/** All processes of the system but ended ones. Reads synchronously (about 10 µs each), so that what it says is of one moment. */
export function listProcesses(): ProcessRow[] {
  if (!hasProc) return listByPs(['-A']);
  const rows: ProcessRow[] = [];
  for (const entry of readdirSync('/proc')) {
    const row = /^\d+$/.test(entry) ? parseStat(Number(entry), readText(`/proc/${entry}/stat`)) : undefined;
    if (row) rows.push(row);
  }
  return rows;
}

/** Whether this very process is still there. */
export function isAlive(id: ProcessId): boolean {
  return readProcess(id.pid)?.startedAt === id.startedAt;
}

/** The environment that a process was started with, as `NAME=value`; empty where the system does not show it. */
export function readEnvironment(pid: number): string[] {
  return readText(`/proc/${pid}/environ`)?.split('\0') ?? [];
}

/** proc(5): the program's name stands in parentheses and may hold anything, also `)`. */
function parseStat(pid: number, text: string | undefined): ProcessRow | undefined {
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ');
  if (!fields || fields[0] === 'Z' || fields[0] === 'X') return undefined;
  const [, parent, group, session] = fields.map(Number) as [number, number, number, number];
  return { pid, parent, group, session, startedAt: `${bootId} ${fields[19]}` };
}

function listByPs(selection: string[]): ProcessRow[] {
  let text = '';
  try {
    const columns = ['-o', 'pid=', '-o', 'ppid=', '-o', 'pgid=', '-o', 'stat=', '-o', 'lstart='];
    text = execFileSync('ps', [...selection, ...columns], {
      encoding: 'utf8',
      env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' },
    });
  } catch {
    return []; // `ps` fails where it selects nothing.
  }
  return text.split('\n').flatMap((line) => {
    const match = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(.*\S)/.exec(line);
    if (!match || match[4]?.startsWith('Z')) return [];
    const group = Number(match[3]);
    return [{ pid: Number(match[1]), parent: Number(match[2]), group, session: group, startedAt: match[5] as string }];
  });
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
