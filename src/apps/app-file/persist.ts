import { type PathFault, pathFaults } from './path-list.ts';

/** A kept folder is named by its whole path, in URL encoding; file systems take 255 bytes for a name. */
const MAX_NAME_BYTES = 200;

/** What is wrong with the paths of `persist`, as far as they alone tell. */
export function persistFaults(paths: readonly string[]): PathFault[] {
  return pathFaults(paths, {
    ask: 'a folder',
    itself: 'a push would change nothing',
    more: (resolved) =>
      encodeURIComponent(resolved).length > MAX_NAME_BYTES
        ? `is too long: at most ${MAX_NAME_BYTES} bytes, as a URL has them. Name a shorter path`
        : undefined,
  });
}
