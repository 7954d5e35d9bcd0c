import { closeSync, fchownSync, fstatSync, ftruncateSync, openSync, readSync, statSync, writeSync } from 'node:fs';
import type { Account } from './account.ts';

const CHUNK = 64 * 1024;

/** Makes the empty file that an instance's processes print into. */
export function makeOutput(path: string, account: Account | null): void {
  const file = openSync(path, 'w', 0o600);
  // Programs open /dev/stdout anew, which asks for rights to the file itself.
  if (account) fchownSync(file, account.uid, account.gid);
  closeSync(file);
}

/** Opens the output for a child. Appending: the file can be cut while the child writes, and it outlives the service. */
export function openOutput(path: string): number {
  return openSync(path, 'a', 0o600);
}

/** Up to 64 KiB of the output from byte `position` of the file; empty at its end, and where there is no file. */
export function readOutput(path: string, position: number): Uint8Array {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    return new Uint8Array();
  }
  try {
    const buffer = Buffer.allocUnsafe(CHUNK);
    return buffer.subarray(0, readSync(file, buffer, 0, CHUNK, position));
  } finally {
    closeSync(file);
  }
}

/**
 * Cuts an output that is larger than `limit` bytes to its last half, from the beginning of a line on. Returns how many bytes went.
 * Synchronous and in place: processes hold the file open, so it cannot be replaced; what is written between the last look at its
 * size and the cut (microseconds) is lost.
 */
export function trimOutput(path: string, limit: number): number {
  if (sizeOf(path) <= limit) return 0;
  const file = openSync(path, 'r+');
  try {
    const buffer = Buffer.allocUnsafe(1024 * 1024);
    let from = fstatSync(file).size - Math.floor(limit / 2);
    const line = buffer.subarray(0, readSync(file, buffer, 0, CHUNK, from)).indexOf('\n');
    from += line + 1;
    let kept = 0;
    for (let size = 0; ; kept += size) {
      size = readSync(file, buffer, 0, buffer.length, from + kept);
      if (size === 0) break;
      writeSync(file, buffer, 0, size, kept);
    }
    ftruncateSync(file, kept);
    return from;
  } finally {
    closeSync(file);
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
