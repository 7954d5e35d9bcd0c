import { readdirSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Paths of all files, folders and links below a folder, relative to it. Links are not followed, as `readdir` does with `recursive`: what test
 * runs share (package caches) is linked into data folders, and would take longer to go through than everything else.
 * @param without names of folders that are left out
 */
export function entriesIn(folder: string, without: readonly string[] = []): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter(({ name }) => !without.includes(name))
    .flatMap((entry) => [
      entry.name,
      ...(entry.isDirectory()
        ? entriesIn(join(folder, entry.name), without).map((path) => join(entry.name, path))
        : []),
    ]);
}
