import { readdirSync, readFileSync } from 'node:fs';

/** Pids of all processes whose environment or command line names this folder, but for what makes a command's pipe ahead of it. */
export function processesNaming(folder: string): number[] {
  return readdirSync('/proc').flatMap((entry) => {
    if (!/^\d+$/.test(entry) || Number(entry) === process.pid) return [];
    const command = readOrNothing(`/proc/${entry}/cmdline`);
    // It belongs to the service, ends within milliseconds, and would pass for the command that it comes before.
    if (command.includes('mkfifo')) return [];
    const named = command.includes(folder) || readOrNothing(`/proc/${entry}/environ`).includes(folder);
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
