import type { MergeRequestFacts } from '../deployment/gitlab-facts.ts';
import { noteDueAt } from '../deployment/note-timing.ts';
import type { StopReason } from '../deployment/phase.ts';
import { judge, type Memory } from '../deployment/truth.ts';
import { mergeRequestFields } from '../log.ts';
import type { MergeRequestRow } from '../store/schema.ts';
import { wantStopped } from '../store/want.ts';
import { findApprovals } from './approve-fork.ts';
import { acknowledge, type CommentContext, obeyComment } from './comments.ts';
import { remarkOnHead } from './head-remark.ts';
import { isUnreadable, readTruth } from './read-truth.ts';
import { again, DONE, ofDeployment, ofMergeRequest, type Reconciler, type Result } from './reconciler.ts';
import { redeploy } from './redeploy.ts';
import { reopen } from './reopen.ts';
import type { RedeployContext } from './settle-redeploy.ts';

/** Reads the truth about a merge request from GitLab, and says what that makes wanted. */
export function mergeRequestReconciler(context: CommentContext & RedeployContext): Reconciler {
  const { store, gitlab, log, now } = context;
  return {
    kind: 'merge-request',
    async reconcile(id) {
      const known = store.mergeRequests.get(id);
      if (!known) return DONE;
      const reading = await readTruth(gitlab, known);
      const verdict = judge(reading, known, now());
      if (reading.answer === 'merge-request') {
        const row = store.mergeRequests.record(reading.facts, now());
        if (isUnreadable(known)) readableAgain(row);
        if (verdict.wanted === 'stopped') stop(row, verdict.reason);
        else await reopen(context, row);
        return attend(row, reading.facts);
      }
      if (verdict.wanted === 'running') return DONE;
      store.transaction(() => {
        remember(known, verdict.memory);
        if (verdict.wanted === 'stopped') stop(known, verdict.reason);
        if (reading.answer === 'no-merge-request' && verdict.wanted === 'stopped')
          store.mergeRequests.update(id, { state: 'deleted' });
      });
      return verdict.wanted === 'as-it-is' ? again(verdict.lookAgainMs) : DONE;
    },
  };

  /** What people ask for in a merge request that is there. */
  async function attend(row: MergeRequestRow, facts: MergeRequestFacts): Promise<Result> {
    await findApprovals(context, row);
    for (const comment of store.comments.open(row.id)) await obeyComment(context, row, comment);
    const redeployed = await redeploy(context, facts, row.id);
    const remarked = await remarkOnHead(context, row, facts);
    if ('againAfterMs' in remarked) store.work.mark(ofMergeRequest(row.id), 'head', now() + remarked.againAfterMs);
    for (const comment of store.comments.open(row.id)) await acknowledge(context, row, comment);
    const dueAt = store.deployments.ofMergeRequest(row.id).map(({ phase }) => noteDueAt(phase, now()));
    store.work.mark(ofMergeRequest(row.id), 'note', Math.max(now(), ...dueAt));
    return redeployed;
  }

  function stop(row: MergeRequestRow, reason: StopReason): void {
    for (const deployment of store.deployments.ofMergeRequest(row.id))
      wantStopped(store, deployment, { reason, now: now() });
  }

  /** Said once, when it begins: it may last for days. */
  function remember(row: MergeRequestRow, memory: Memory | undefined): void {
    if (memory === undefined) return;
    store.mergeRequests.update(row.id, memory);
    if (memory.unreadableSince === row.unreadableSince) return;
    log.warn(
      { decision: 'unreadable', ...mergeRequestFields(row), why: memory.unreadableWhy },
      'a merge request cannot be read: nothing is removed because of it',
    );
    tell(row, 'unreadable', `GitLab does not show the merge request: ${memory.unreadableWhy}`);
  }

  /** What could not be made right meanwhile is looked at now; the note is marked by every pass. */
  function readableAgain(row: MergeRequestRow): void {
    log.info({ decision: 'readable', ...mergeRequestFields(row) }, 'a merge request can be read again');
    tell(row, 'readable', 'GitLab shows the merge request again.');
    for (const { id } of store.deployments.ofMergeRequest(row.id))
      store.work.mark(ofDeployment(id), 'environment', now());
  }

  function tell(row: MergeRequestRow, type: string, message: string): void {
    for (const { id } of store.deployments.ofMergeRequest(row.id))
      store.events.add({ at: now(), type, message, mergeRequestId: row.id, deploymentId: id });
  }
}
