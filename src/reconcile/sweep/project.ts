import { GitLabError } from '../../errors.ts';
import type { GitLab } from '../../gitlab/gitlab.ts';
import type { Log } from '../../log.ts';
import type { MergeRequestRow } from '../../store/schema.ts';
import type { Store } from '../../store/store.ts';
import { DONE, ofMergeRequest, type Reconciler, type Result } from '../reconciler.ts';
import { compareEnvironments } from './environments.ts';
import { createMemory, findChanged } from './merge-requests.ts';
import type { TellRepair } from './repairs.ts';
import type { Turns } from './turns.ts';

/** A merge request that was closed may be reopened, and its deployment comes back for as long as its bundle is kept; ms. */
const KEPT_MS = 7 * 24 * 3_600_000;

export interface ProjectContext {
  readonly store: Store;
  readonly gitlab: Pick<
    GitLab,
    'mergeRequestsOf' | 'mergeRequest' | 'availableEnvironments' | 'environment' | 'stopEnvironment'
  >;
  readonly log: Log;
  readonly now: () => number;
  readonly turns: Turns;
  readonly tell: TellRepair;
  previewUrl(name: string): string;
  /** The preview that a URL leads to; undefined where it is none of ours. */
  previewOf(url: string): { readonly name: string; readonly iid: number | undefined } | undefined;
}

/**
 * Compares a project with GitLab by lists, a hundred merge requests with each request. A list only says who needs a real look: what is
 * different in it, or not in it, is read by itself before anything is done about it.
 */
export function projectReconciler(context: ProjectContext): Reconciler {
  const { store, turns, now } = context;
  const memory = createMemory();
  return {
    kind: 'project',
    async reconcile(projectId) {
      const rows = store.mergeRequests.toCompare(projectId, now() - KEPT_MS);
      const look = turns.look(projectId, rows.length);
      try {
        if (look.mergeRequests && rows.length > 0)
          for (const row of await findChanged(context, memory, rows)) lookAt(row);
        if (look.environments) await compareEnvironments(context, projectId);
      } catch (error) {
        return refused(error, rows, look.spreadMs);
      }
      rows.forEach((row, place) => {
        if (!look.note(place) || row.noteId === null) return;
        // Its turn has come, however lately it was written: a comment may have come since whose webhook was lost.
        store.mergeRequests.update(row.id, { noteSeenAt: 0 });
        store.work.mark(ofMergeRequest(row.id), 'note', now() + Math.random() * look.spreadMs);
      });
      turns.done(projectId);
      return DONE;
    },
  };

  function lookAt(row: MergeRequestRow): void {
    store.work.mark(ofMergeRequest(row.id), 'merge-request', now());
  }

  /** Where GitLab does not show the project, what that means is found out by reading each merge request; any other failure is tried again. */
  function refused(error: unknown, rows: readonly MergeRequestRow[], spreadMs: number): Result {
    if (!(error instanceof GitLabError) || (error.failure !== 'not-found' && error.failure !== 'forbidden'))
      throw error;
    for (const row of rows) store.work.mark(ofMergeRequest(row.id), 'merge-request', now() + Math.random() * spreadMs);
    return DONE;
  }
}
