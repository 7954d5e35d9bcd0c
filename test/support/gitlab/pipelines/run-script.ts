import { type ChildProcess, spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';

export interface ScriptOptions {
  /** Shell and its arguments, for instance `['busybox', 'sh']`. */
  shell: readonly string[];
  folder: string;
  /** Where the script is written: outside of the work tree, as GitLab Runner does. */
  scriptPath: string;
  variables: Readonly<Record<string, string>>;
  /** Values that the trace must not show. */
  masked: readonly string[];
  timeoutMs: number;
  onOutput: (text: string) => void;
}

export interface ScriptRun {
  /** Exit code; null where a signal ended it. */
  readonly ended: Promise<{ exitCode: number | null; timedOut: boolean }>;
  /** TERM to the script's process group, KILL after five seconds. */
  cancel(): void;
}

/** Runs the lines of a job's `script` in one shell, which stops at the first that fails, in a process group of its own. */
export async function runScript(script: readonly string[], options: ScriptOptions): Promise<ScriptRun> {
  const lines = script.flatMap((item) => [echo(item), item]);
  await writeFile(options.scriptPath, `${lines.join('\n')}\n`, { mode: 0o700 });
  const [command, ...rest] = options.shell as [string, ...string[]];
  const child = spawn(command, [...rest, '-e', options.scriptPath], {
    cwd: options.folder,
    env: { PATH: process.env.PATH, LANG: 'C.UTF-8', ...options.variables },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const show = (chunk: string) =>
    options.onOutput(options.masked.reduce((text, value) => text.replaceAll(value, '[MASKED]'), chunk));
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', show);

  let timedOut = false;
  const limit = setTimeout(() => {
    timedOut = true;
    endGroup(child);
  }, options.timeoutMs);
  const ended = new Promise<{ exitCode: number | null; timedOut: boolean }>((resolve) => {
    child.on('error', (error) => {
      options.onOutput(`${error.message}\n`);
      resolve({ exitCode: 127, timedOut });
    });
    // What the script left running ends with it, as with a job's container.
    child.on('exit', () => signalGroup(child, 'SIGKILL'));
    child.on('close', (exitCode) => resolve({ exitCode, timedOut }));
  }).finally(() => clearTimeout(limit));
  return { ended, cancel: () => endGroup(child) };
}

function endGroup(child: ChildProcess): void {
  if (child.exitCode !== null || child.signalCode !== null) return;
  signalGroup(child, 'SIGTERM');
  setTimeout(() => {
    if (child.exitCode === null && child.signalCode === null) signalGroup(child, 'SIGKILL');
  }, 5_000).unref();
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // The group is gone already.
  }
}

/** The runner's own line before each item of the script. */
function echo(item: string): string {
  const [first = '', ...more] = item.trimEnd().split('\n');
  const shown = `$ ${first}${more.length > 0 ? ' # collapsed multi-line command' : ''}`;
  return `printf '%s\\n' '${shown.replaceAll("'", "'\\''")}'`;
}
