import { hidesMergeRequests, type Reading } from '../deployment/truth.ts';
import { GitLabError } from '../errors.ts';
import type { GitLab } from '../gitlab/gitlab.ts';
import type { MergeRequestRow } from '../store/schema.ts';
import type { Store } from '../store/store.ts';
import { ofMergeRequest } from './reconciler.ts';

/**
 * Asks GitLab about a merge request: one request where it is there, a few more where it is not.
 * @throws {GitLabError} where GitLab does not answer, which says nothing about the merge request
 */
export async function readTruth(gitlab: GitLab, known: Pick<MergeRequestRow, 'projectId' | 'iid'>): Promise<Reading> {
  try {
    const facts = await gitlab.mergeRequest(known.projectId, known.iid);
    return facts === null ? await whyMissing(gitlab, known.projectId) : { answer: 'merge-request', facts };
  } catch (error) {
    if (isRefusal(error)) return { answer: 'refused', why: error.message };
    throw error;
  }
}

async function whyMissing(gitlab: GitLab, projectId: number): Promise<Reading> {
  // Asked anew, whatever is known: it shows that GitLab answers now, and takes the token.
  const own = await gitlab.currentUser();
  try {
    const project = await gitlab.project(projectId);
    return hidesMergeRequests(project, await gitlab.accessLevel(projectId, own.id)) ?? { answer: 'no-merge-request' };
  } catch (error) {
    if (error instanceof GitLabError && error.failure === 'not-found') return { answer: 'no-project' };
    throw error;
  }
}

/** Whether GitLab refused because of the token or its user's role. */
function isRefusal(error: unknown): error is GitLabError {
  return error instanceof GitLabError && (error.failure === 'unauthorized' || error.failure === 'forbidden');
}

/** Whether GitLab did not show a merge request when it was last asked: then its note and environments wait. */
export function isUnreadable(row: Pick<MergeRequestRow, 'unreadableSince' | 'state'>): boolean {
  return row.unreadableSince !== null && row.state !== 'deleted';
}

const READ_AGAIN_MS = 60_000;

/**
 * Does what concerns a merge request in GitLab. Where GitLab refuses it, the merge request is looked at: perhaps it cannot be read any
 * more, which then ends the tries. Not each time: where that one call alone is refused, its pass would begin them anew.
 */
export async function suspecting<T>(
  context: { readonly store: Store; readonly now: () => number },
  row: MergeRequestRow,
  act: () => Promise<T>,
): Promise<T> {
  try {
    return await act();
  } catch (error) {
    const refused = isRefusal(error) || (error instanceof GitLabError && error.failure === 'not-found');
    if (refused && context.now() - row.readAt > READ_AGAIN_MS)
      context.store.work.mark(ofMergeRequest(row.id), 'merge-request', context.now());
    throw error;
  }
}
