import { readdirSync, readFileSync } from 'node:fs';

/** Pids of all processes whose environment or command line names this folder. */
export function processesNaming(folder: string): number[] {
  return readdirSync('/proc').flatMap((entry) => {
    if (!/^\d+$/.test(entry) || Number(entry) === process.pid) return [];
    const named = ['environ', 'cmdline'].some((file) => readOrNothing(`/proc/${entry}/${file}`).includes(folder));
    return named && isLive(Number(entry)) ? [Number(entry)] : [];
  });
}

/** Whether the process is there and has not ended. */
export function isLive(pid: number): boolean {
  const stat = readOrNothing(`/proc/${pid}/stat`);
  return stat !== '' && !/^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2));
}

function readOrNothing(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
