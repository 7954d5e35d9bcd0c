import { parseCommand } from '../deployment/commands.ts';
import type { NoteFacts } from '../deployment/gitlab-facts.ts';
import { type Log, mergeRequestFields } from '../log.ts';
import type { MergeRequestRow } from '../store/schema.ts';
import type { Store } from '../store/store.ts';
import { ofMergeRequest } from './reconciler.ts';

/** A command that is older than this is not obeyed when it is found: nobody waits for it any more. */
const TOO_OLD_MS = 24 * 3_600_000;

/** Takes in commands whose webhook was lost; what they say is decided as for any other. @param notes as GitLab has just listed them */
export function takeMissedCommands(
  context: { readonly store: Store; readonly log: Log; readonly now: () => number },
  row: MergeRequestRow,
  notes: readonly NoteFacts[],
): void {
  const { store, log, now } = context;
  const since = Math.max(row.createdAt, now() - TOO_OLD_MS);
  for (const note of notes) {
    if (note.system || note.createdAt < since || parseCommand(note.body) === undefined) continue;
    if (!store.comments.add(row.id, note.id, now())) continue;
    store.work.mark(ofMergeRequest(row.id), 'merge-request', now());
    log.info(
      { decision: 'command-found', ...mergeRequestFields(row), comment: note.id },
      'a command whose webhook did not come was found',
    );
  }
}
