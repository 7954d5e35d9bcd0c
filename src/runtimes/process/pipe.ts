import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { closeSync, constants, openSync } from 'node:fs';
import { chown, rm } from 'node:fs/promises';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Account } from './account.ts';

/** A pipe of the system. */
export interface Pipe {
  /** The end to write into, for a child; whoever spawns closes it then. */
  readonly input: number;
  readonly output: Socket;
  /** When nobody has the other end any more. */
  readonly ended: Promise<void>;
}

/**
 * Makes a pipe that belongs to the account. Node's own are sockets between parent and child, which cannot be opened as /dev/stdout
 * or /dev/stderr ("No such device or address"), and scripts do that; a file would be emptied by it.
 */
export async function makePipe(folder: string, account: Account | null): Promise<Pipe> {
  const path = join(folder, `pipe-${randomUUID()}`);
  await promisify(execFile)('/bin/sh', ['-c', 'umask 077; exec mkfifo -- "$1"', 'sh', path], { env: {} });
  try {
    if (account) await chown(path, account.uid, account.gid);
    const reading = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const input = openSync(path, constants.O_WRONLY);
      const output = new Socket({ fd: reading, readable: true, writable: false });
      const ended = new Promise<void>((resolve) => output.once('close', resolve));
      output.on('error', () => {}); // Then it is closed, too.
      return { input, output, ended };
    } catch (error) {
      closeSync(reading);
      throw error;
    }
  } finally {
    await rm(path, { force: true });
  }
}
