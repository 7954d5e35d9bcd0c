import { markingEnvironment } from './environment.ts';
import { instanceFolders } from './folders.ts';
import type { Ground } from './ground.ts';

/** In the marker of what works on kept setups for no instance in particular, so that the next service ends what this one leaves. */
export const SPARES_NAME = 'spare-setups';

/**
 * First line of a script that does such work as a tool of its own: whoever is waited for comes first. Where Linux groups processes by session
 * (`sched_autogroup_enabled`), a nice value only counts among those of one session, and each tool has its own: sched(7). 10 is a tenth of a
 * session's share, so that it also gets on beside a machine's other work.
 */
export const STEP_BACK = 'renice -n 19 -p $$ >/dev/null 2>&1; { echo 10 >/proc/self/autogroup; } 2>/dev/null';

/** The environment of such work. */
export function sparesEnvironment(ground: Ground): Record<string, string> {
  return markingEnvironment(ground, { name: SPARES_NAME, folders: instanceFolders(ground.folders, SPARES_NAME) });
}
