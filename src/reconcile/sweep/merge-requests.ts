import type { ListedMergeRequest } from '../../deployment/gitlab-facts.ts';
import type { MergeRequestRow } from '../../store/schema.ts';
import { ofMergeRequest } from '../reconciler.ts';
import type { ProjectContext } from './project.ts';

/** What each merge request's last entry in a list looked like, in this process: any change of it is worth a look. */
export type Memory = Map<number, string>;

export function createMemory(): Memory {
  return new Map();
}

/** The merge requests that are not, in GitLab's list, what they were when they were last read. */
export async function findChanged(
  context: ProjectContext,
  memory: Memory,
  rows: readonly MergeRequestRow[],
): Promise<MergeRequestRow[]> {
  const projectId = (rows[0] as MergeRequestRow).projectId;
  const listed = await context.gitlab.mergeRequestsOf(
    projectId,
    rows.map((row) => row.iid),
  );
  const byIid = new Map(listed.map((entry) => [entry.iid, entry]));
  return rows.filter((asked) => {
    const entry = byIid.get(asked.iid);
    // As it is now: a webhook may have come while the list was on its way.
    const row = context.store.mergeRequests.get(asked.id);
    if (!row || !entry) return row !== undefined;
    const mark = `${entry.updatedAt} ${entry.notesCount}`;
    const before = memory.get(row.id);
    memory.set(row.id, mark);
    // A comment whose webhook was lost, or our own note deleted: the note's pass looks at all of them.
    if (before !== undefined && notesCountOf(before) !== entry.notesCount && row.noteId !== null)
      context.store.mergeRequests.update(row.id, { noteSeenAt: 0 });
    const difference = differenceOf(row, entry);
    if (difference !== undefined && !isBeingLookedAt(context, row))
      context.tell('missed-webhook', `!${row.iid} ${difference} in GitLab, and no webhook had said so.`, {
        projectId,
        mergeRequestId: row.id,
      });
    return difference !== undefined || isOther(row, entry) || (before !== undefined && before !== mark);
  });
}

function notesCountOf(mark: string): number {
  return Number(mark.slice(mark.indexOf(' ') + 1));
}

/** What a webhook should have told. */
function differenceOf(row: MergeRequestRow, entry: ListedMergeRequest): string | undefined {
  if (row.state !== entry.state) return `is ${entry.state}`;
  if (entry.state === 'opened' && row.headSha !== entry.headSha) return `is at commit ${entry.headSha.slice(0, 8)}`;
  return undefined;
}

/** What changes without meaning much: names and addresses. */
function isOther(row: MergeRequestRow, entry: ListedMergeRequest): boolean {
  return (
    row.title !== entry.title ||
    row.webUrl !== entry.webUrl ||
    row.sourceBranch !== entry.sourceBranch ||
    row.targetBranch !== entry.targetBranch ||
    row.sourceProjectId !== entry.sourceProjectId
  );
}

function isBeingLookedAt({ store }: ProjectContext, row: MergeRequestRow): boolean {
  return store.work.find(ofMergeRequest(row.id), 'merge-request') !== undefined;
}
