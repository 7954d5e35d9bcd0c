import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** In /proc/net/tcp: the state LISTEN (include/net/tcp_states.h). */
const LISTEN = '0A';

/** TCP ports that any of these processes listens on, sorted; empty where the system has no /proc. */
export function listeningPorts(pids: readonly number[]): number[] {
  const sockets = new Set(pids.flatMap(socketsOf));
  const ports = new Set<number>();
  for (const pid of pids.slice(0, 1)) {
    for (const table of ['tcp', 'tcp6']) {
      for (const line of readLines(`/proc/${pid}/net/${table}`)) {
        const fields = line.trim().split(/\s+/);
        if (fields[3] !== LISTEN || !sockets.has(fields[9] ?? '')) continue;
        ports.add(Number.parseInt(fields[1]?.split(':')[1] ?? '', 16));
      }
    }
  }
  return [...ports].sort((one, other) => one - other);
}

/** Inodes of a process's open sockets; none where it is gone or not ours to see. */
function socketsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      const match = /^socket:\[(\d+)\]$/.exec(readLink(`/proc/${pid}/fd/${fd}`));
      return match?.[1] ? [match[1]] : [];
    });
  } catch {
    return [];
  }
}

function readLink(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

function readLines(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n').slice(1);
  } catch {
    return [];
  }
}
