import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { type Account, spawnAs } from './account.ts';
import { makePipe } from './pipe.ts';
import { type ProcessId, readProcess } from './process-table.ts';

/** A command that ends. */
export interface Command {
  readonly argv: readonly [string, ...string[]];
  readonly directory: string;
  /** The whole environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly account: Account | null;
  /** What it reads from standard input; nothing where it is left out. */
  readonly input?: string;
  /**
   * Folder of the service's own for the pipe that it prints into: for commands of the repository's, which may open /dev/stdout by its name.
   * Left out, it prints into a socket as Node's children do, which costs one process less.
   */
  readonly pipeFolder?: string;
  /** Ends the command's group: TERM, then KILL after `graceMs`. */
  readonly signal?: AbortSignal;
  readonly graceMs?: number;
  readonly onStart?: (id: ProcessId) => void;
  readonly onOutput?: (chunk: Uint8Array) => void;
}

/** How a process ended; both null where nobody saw it. */
export interface End {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** After the end of a command, output may still be under way, or something that left its group holds the pipe open for ever. */
const LAST_OUTPUT_MS = 500;

/**
 * Runs a command in a process group of its own and tells how it ended; then its group is gone too.
 * Rejects with the signal's reason where that fired, and where the command could not be started.
 */
export async function runCommand(command: Command): Promise<End> {
  const { signal } = command;
  signal?.throwIfAborted();
  if (command.pipeFolder === undefined) return runIntoSocket(command);
  const pipe = await makePipe(command.pipeFolder, command.account);
  try {
    if (signal?.aborted) closeSync(pipe.input);
    signal?.throwIfAborted(); // From here to listening to the signal nothing waits.
    pipe.output.on('data', (chunk: Uint8Array) => command.onOutput?.(chunk));
    const end = await waitFor(
      command,
      spawnAndClose(() => spawnCommand(command, pipe.input), pipe.input),
    );
    await Promise.race([pipe.ended, delay(LAST_OUTPUT_MS, undefined, { ref: false })]);
    signal?.throwIfAborted();
    return end;
  } finally {
    pipe.output.destroy();
  }
}

async function runIntoSocket(command: Command): Promise<End> {
  const child = spawnCommand(command, 'pipe');
  const outputs = [child.stdout, child.stderr].filter((stream) => stream !== null);
  for (const stream of outputs) stream.on('data', (chunk: Uint8Array) => command.onOutput?.(chunk));
  const ended = Promise.all(outputs.map((stream) => once(stream, 'close')));
  try {
    const end = await waitFor(command, child);
    await Promise.race([ended, delay(LAST_OUTPUT_MS, undefined, { ref: false })]);
    command.signal?.throwIfAborted();
    return end;
  } finally {
    for (const stream of outputs) stream.destroy();
  }
}

function spawnCommand({ argv, directory, env, account, input }: Command, output: number | 'pipe'): ChildProcess {
  return spawn(argv[0], argv.slice(1), {
    cwd: directory,
    env,
    detached: true,
    stdio: [input === undefined ? 'ignore' : 'pipe', output, output],
    ...spawnAs(account),
  });
}

function waitFor(command: Command, child: ChildProcess): Promise<End> {
  const { signal } = command;
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    const { pid } = child;
    if (pid === undefined) return;
    const row = readProcess(pid);
    let kill: NodeJS.Timeout | undefined;
    const abort = (): void => {
      signalGroup(pid, 'SIGTERM');
      kill = setTimeout(() => signalGroup(pid, 'SIGKILL'), command.graceMs ?? 0);
    };
    signal?.addEventListener('abort', abort, { once: true });
    child.stdin?.on('error', () => {}); // It may end without reading: its exit code says what that means.
    child.stdin?.end(command.input);
    child.once('exit', (code, endedBy) => {
      clearTimeout(kill);
      signal?.removeEventListener('abort', abort);
      signalGroup(pid, 'SIGKILL');
      resolve({ code, signal: endedBy });
    });
    try {
      if (row) command.onStart?.(row);
    } catch (error) {
      // It could not be recorded, so it may not run.
      signalGroup(pid, 'SIGKILL');
      reject(error);
    }
  });
}

function spawnAndClose(start: () => ChildProcess, fd: number): ChildProcess {
  try {
    return start();
  } finally {
    closeSync(fd);
  }
}

/** "exit code 1", "signal SIGKILL". */
export function describeEnd(end: End): string {
  if (end.signal) return `signal ${end.signal}`;
  return end.code === null ? 'an unknown exit code' : `exit code ${end.code}`;
}

/** For groups of children whose end this process has not seen, or has seen only now: their number is still theirs. */
export function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ESRCH' && code !== 'EPERM') throw error;
  }
}
