import { markingEnvironment } from './environment.ts';
import { instanceFolders } from './folders.ts';
import type { Ground } from './ground.ts';

/** In the marker of what works on kept setups for no instance in particular, so that the next service ends what this one leaves. */
export const SPARES_NAME = 'spare-setups';

/** The environment of such work. */
export function sparesEnvironment(ground: Ground): Record<string, string> {
  return markingEnvironment(ground, { name: SPARES_NAME, folders: instanceFolders(ground.folders, SPARES_NAME) });
}
