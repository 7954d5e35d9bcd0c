import { type PathFault, pathFaults } from './path-list.ts';

/** What is wrong with the paths of `base_artifacts`: each is copied to its own place, which no other one may be part of. */
export function baseArtifactFaults(paths: readonly string[]): PathFault[] {
  return pathFaults(paths, {
    ask: 'a file or folder',
    itself: "all of the base's files are more than a revision can be handed",
  });
}
