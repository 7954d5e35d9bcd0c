import { execFile } from 'node:child_process';

/** Folders of one `du`, and the longest it may take: a data folder on a slow disk must not hold the sweep up for hours. */
const AT_ONCE = 16;
const DU_MS = 60_000;

export interface MeasuredFolder {
  readonly path: string;
  /** How long a size is taken for right; ms. */
  readonly freshMs: number;
}

export interface FolderSizes {
  /**
   * Bytes that each folder takes on disk. Only what was never measured, or not within its time, is walked, and at most `walks` folders, those
   * that were measured longest ago first; the others have the size they had, or none.
   */
  measure(
    folders: readonly MeasuredFolder[],
    options: { readonly walks: number; readonly signal: AbortSignal },
  ): Promise<Map<string, number>>;
  /** What a folder was last measured to take; 0 where it never was. */
  known(path: string): number;
}

/**
 * Sizes of folders by `du` (POSIX), in a process of its own: walking a large `node_modules` here would take seconds from everything else.
 * @param now ms since the epoch
 */
export function createFolderSizes(now: () => number): FolderSizes {
  const known = new Map<string, { readonly bytes: number; readonly at: number }>();
  return {
    known: (path) => known.get(path)?.bytes ?? 0,
    async measure(folders, { walks, signal }) {
      const paths = new Set(folders.map(({ path }) => path));
      for (const path of known.keys()) if (!paths.has(path)) known.delete(path);
      const due = folders
        .map(({ path, freshMs }) => ({ path, freshMs, at: known.get(path)?.at ?? 0 }))
        .filter(({ at, freshMs }) => now() - at >= freshMs)
        .sort((a, b) => a.at - b.at)
        .slice(0, walks);
      for (let from = 0; from < due.length && !signal.aborted; from += AT_ONCE) {
        const batch = due.slice(from, from + AT_ONCE).map(({ path }) => path);
        const sizes = await du(batch, signal);
        // One that went meanwhile has no size, and is not asked for again at once.
        for (const path of batch) known.set(path, { bytes: sizes.get(path) ?? known.get(path)?.bytes ?? 0, at: now() });
      }
      return new Map(folders.map(({ path }) => [path, known.get(path)?.bytes ?? 0]));
    },
  };
}

/** Faults of single entries (gone meanwhile, not to be read) do not spoil the rest: du prints what it could count. */
function du(paths: readonly string[], signal: AbortSignal): Promise<Map<string, number>> {
  return new Promise((resolve) => {
    const script = 'exec nice -n 19 du -sk -- "$@"';
    const options = { env: { LC_ALL: 'C' }, signal, timeout: DU_MS, maxBuffer: 1024 ** 2 };
    execFile('/bin/sh', ['-c', script, 'sh', ...paths], options, (_error, stdout) => {
      const lines = stdout.split('\n').flatMap((line): Array<[string, number]> => {
        const [, kib, path] = /^(\d+)\s+(.+)$/.exec(line) ?? [];
        return path === undefined ? [] : [[path, Number(kib) * 1024]];
      });
      resolve(new Map(lines));
    });
  });
}
