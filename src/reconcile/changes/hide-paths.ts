import { realpathSync } from 'node:fs';

/**
 * A text without the place that folders of this machine have: what lies in one of them is named from there, and the folder itself is `.`.
 * Also where the text has them with links followed, as programs often do.
 *
 * @param folders absolute; one that lies in another one comes before it
 */
export function hidePaths(text: string, folders: readonly string[]): string {
  return folders.reduce((shown, folder) => {
    const spellings = new Set([folder, realPath(folder)]);
    return [...spellings].reduce(
      (rest, path) => rest.replace(patternOf(path), (_, slash?: string) => (slash ? '' : '.')),
      shown,
    );
  }, text);
}

/** The path as a whole: not the end of a longer one, nor the beginning of another name. */
function patternOf(path: string): RegExp {
  const literal = path.replace(/\/+$/, '').replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`(?<![\\w.~-])${literal}(?:(/)|(?![\\w-]))`, 'g');
}

function realPath(folder: string): string {
  try {
    return realpathSync(folder);
  } catch {
    // It is gone by now.
    return folder;
  }
}
