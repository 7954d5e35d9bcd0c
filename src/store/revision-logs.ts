import { appendFileSync, closeSync, fstatSync, mkdirSync, openSync, readSync, rmSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { plainLines } from '../deployment/plain-text.ts';

/** A log that grows past this is cut off, with a line that says so: a job's trace in GitLab ends at 100 MB by default. */
const MAX_BYTES = 16 * 1024 * 1024;

/** How the service's own lines begin, so that people can tell them from the app's. */
const OWN = '==> ';

export interface RevisionLogs {
  /** Absolute path of the folder that they lie in. */
  readonly directory: string;
  /** A line of the service's own. */
  say(revisionId: number, line: string): void;
  write(revisionId: number, chunk: Uint8Array): void;
  size(revisionId: number): number;
  /** At most `maxBytes` from byte `from`. Empty at the end. */
  read(revisionId: number, from: number, maxBytes: number): Promise<Uint8Array>;
  /** The last lines of what the app and its steps printed, without colours and without the service's own lines. */
  appTail(revisionId: number, lines: number): string[];
  /** The last lines of all, without colours and control characters. */
  tail(revisionId: number, lines: number): string[];
  remove(revisionId: number): void;
  /** Ids of all revisions that have a log. */
  list(): Promise<number[]>;
  /** Resolves when something was written to this log, or told of it, or after `ms`. */
  changed(revisionId: number, ms: number): Promise<void>;
  /** Wakes those who wait: the revision's state has changed. */
  notify(revisionId: number): void;
}

/**
 * What a revision's deployment said, one file each: the pipeline's job follows it, and the note and the waiting page show its end.
 *
 * @param options.directory absolute
 */
export function createRevisionLogs(options: { readonly directory: string }): RevisionLogs {
  mkdirSync(options.directory, { recursive: true, mode: 0o700 });
  const path = (id: number) => join(options.directory, `${id}.log`);
  const waiting = new Map<number, Set<() => void>>();

  function size(id: number): number {
    return withFile(path(id), (fd) => fstatSync(fd).size) ?? 0;
  }
  function notify(id: number): void {
    for (const wake of [...(waiting.get(id) ?? [])]) wake();
  }
  function write(id: number, chunk: Uint8Array): void {
    const room = MAX_BYTES - size(id);
    if (room <= 0 || chunk.length === 0) return;
    const cut = chunk.length > room;
    appendFileSync(
      path(id),
      cut
        ? Buffer.concat([chunk.subarray(0, room), Buffer.from('\n[the log is cut off here: it is too long]\n')])
        : chunk,
      { mode: 0o600 },
    );
    notify(id);
  }
  /** What an app prints may end without the end of its line. */
  function isWithinLine(id: number): boolean {
    return (
      withFile(path(id), (fd) => {
        const last = Buffer.alloc(1);
        return readSync(fd, last, 0, 1, fstatSync(fd).size - 1) === 1 && last.toString() !== '\n';
      }) ?? false
    );
  }
  function lastLines(id: number): string[] {
    const text = withFile(path(id), (fd) => {
      const end = fstatSync(fd).size;
      const length = Math.min(end, 64 * 1024);
      const buffer = Buffer.alloc(length);
      readSync(fd, buffer, 0, length, end - length);
      return buffer.toString('utf8');
    });
    return plainLines(text ?? '');
  }
  return {
    directory: options.directory,
    write,
    say: (id, line) => write(id, Buffer.from(`${isWithinLine(id) ? '\n' : ''}${OWN}${line}\n`)),
    size,
    notify,
    async read(id, from, maxBytes) {
      // At once: what was written a moment ago is in memory, while a turn through the thread pool waits for all that is busy then.
      const chunk = withFile(path(id), (fd) => {
        const buffer = Buffer.allocUnsafe(maxBytes);
        return buffer.subarray(0, readSync(fd, buffer, 0, maxBytes, from));
      });
      return chunk ?? new Uint8Array();
    },
    appTail: (id, lines) =>
      lastLines(id)
        .filter((line) => !line.startsWith(OWN))
        .slice(-lines),
    tail: (id, lines) => lastLines(id).slice(-lines),
    remove(id) {
      rmSync(path(id), { force: true });
    },
    async list() {
      const names = await readdir(options.directory);
      return names.flatMap((name) => (/^\d+\.log$/.test(name) ? [Number.parseInt(name, 10)] : []));
    },
    changed(id, ms) {
      return new Promise((resolve) => {
        const wakers = waiting.get(id) ?? new Set();
        waiting.set(id, wakers);
        const wake = () => {
          clearTimeout(timer);
          wakers.delete(wake);
          if (wakers.size === 0) waiting.delete(id);
          resolve();
        };
        const timer = setTimeout(wake, ms);
        wakers.add(wake);
      });
    },
  };
}

function withFile<T>(path: string, use: (fd: number) => T): T | undefined {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch {
    return undefined;
  }
  try {
    return use(fd);
  } finally {
    closeSync(fd);
  }
}
