import { approvalLine, approvalsIn } from '../../deployment/forks.ts';
import { DEVELOPER } from '../../deployment/gitlab-facts.ts';
import { ProblemError } from '../../errors.ts';
import { approveCommit } from '../../store/approve.ts';
import type { DeploymentRow, MergeRequestRow } from '../../store/schema.ts';
import type { BoundJob } from './bind-job.ts';
import type { CiContext } from './context.ts';

/** A commit may have been approved before its pipeline ran, even before the service knew the merge request: then it is deployed at once. */
export async function readApproval(
  context: CiContext,
  job: BoundJob,
  head: { readonly mergeRequestId: number; readonly sha: string },
): Promise<void> {
  const { store, gitlab, now } = context;
  if (store.mergeRequests.get(head.mergeRequestId)?.approvedSha === head.sha) return;
  const { project, mergeRequest } = job;
  const own = (await gitlab.ownUser()).id;
  const notes = await gitlab.notes(project.id, mergeRequest.iid);
  for (const note of approvalsIn(notes, { sha: head.sha, own })) {
    if ((await gitlab.accessLevel(project.id, note.author.id)) < DEVELOPER) continue;
    context.log.info(
      {
        decision: 'fork-approved',
        project: project.id,
        mergeRequest: mergeRequest.iid,
        commit: head.sha,
        by: note.author.username,
      },
      'a commit of a fork is approved',
    );
    store.transaction(() => {
      approveCommit(store, head.mergeRequestId, { sha: head.sha, by: note.author.name, now: now() });
      store.comments.add(head.mergeRequestId, note.id, now());
      const comment = store.comments.open(head.mergeRequestId).find(({ noteId }) => noteId === note.id);
      if (comment?.state === 'pending') store.comments.acted(comment, 'taken');
    });
    return;
  }
}

/**
 * Strangers may send what nobody has looked at, but not without end.
 * @throws {ProblemError} 403 where too many wait already, unless this deployment is one of them
 */
export function assertRoomToHold(context: CiContext, deployment: DeploymentRow, sha: string): void {
  const { store, heldAtMost } = context;
  const mergeRequest = store.mergeRequests.get(deployment.mergeRequestId) as MergeRequestRow;
  if (mergeRequest.approvedSha === sha || store.revisions.latest(deployment.id)?.state === 'held') return;
  if (store.revisions.countHeld() < heldAtMost) return;
  throw new ProblemError(
    'too-many-held',
    403,
    `This merge request comes from a fork, and the code of ${heldAtMost} others waits for approval already, so this was not taken. ` +
      `Let a Developer of ${mergeRequest.projectPath} approve it first, with the comment  ${approvalLine(sha)}  in !${mergeRequest.iid}; then run this job again.`,
  );
}

/** What a job is told whose commit is held: who must write what, and where. */
export function heldMessage(mergeRequest: MergeRequestRow, sha: string): readonly string[] {
  return [
    `This merge request comes from a fork. Its code was taken, and nothing of it runs before a Developer of ${mergeRequest.projectPath} has approved this commit,`,
    `with this comment in !${mergeRequest.iid} (${mergeRequest.webUrl}):`,
    `  ${approvalLine(sha)}`,
    'Then it is deployed at once, and no new pipeline is needed.',
  ];
}
