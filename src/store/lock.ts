import { readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { Database } from './sqlite.ts';

/**
 * Takes a folder for this process alone, as long as it lives.
 *
 * A transaction that stays open holds an operating system's lock, which ends with the process however that ends: a file with a process id
 * would outlive a kill, and ids are used again.
 *
 * @param file path of the lock; the holder's process id lies beside it, for the message only
 * @throws where another process has it
 */
export function takeLock(file: string): { release(): void } {
  const lock = new Database(file, { timeout: 0 });
  try {
    lock.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    lock.close();
    if ((error as { code?: string }).code !== 'SQLITE_BUSY') throw error;
    throw new Error(
      `The data folder ${dirname(file)} is in use by another service (process ${holderOf(file)}). One service at a time: stop that one, or give this one another BD_DATA_DIR.`,
    );
  }
  writeFileSync(`${file}.pid`, `${process.pid}\n`, { mode: 0o600 });
  return { release: () => lock.close() };
}

function holderOf(file: string): string {
  try {
    return readFileSync(`${file}.pid`, 'utf8').trim();
  } catch {
    return 'unknown';
  }
}
