import type { NoteModel } from './model.ts';

/** What people can do now, in one line; empty where there is nothing. */
export function renderActions(model: NoteModel): string {
  const { state } = model.mergeRequest;
  if (state === 'merged') return '';
  // What brings it on is said where the commit is named.
  if (state !== 'closed' && model.mergeRequest.toApprove !== null)
    return 'Comment `/undeploy` to take it down (Developers and up).';
  const gone = model.apps.every((app) => app.phase === 'stopped' || app.phase === 'stopping');
  if (state === 'closed') return 'Reopen the merge request and comment `/deploy` to bring it back (Developers and up).';
  if (gone) return 'Comment `/deploy` to bring it back (Developers and up).';
  return 'Comment `/deploy` to run the latest commit again, `/undeploy` to take it down (Developers and up).';
}
