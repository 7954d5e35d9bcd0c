import { statfs } from 'node:fs/promises';

/** What this process may still write to the file system of a folder; bytes. */
export async function freeBytes(directory: string): Promise<number> {
  const { bavail, bsize } = await statfs(directory);
  return bavail * bsize;
}
