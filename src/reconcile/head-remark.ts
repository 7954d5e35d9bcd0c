import { isFork } from '../deployment/forks.ts';
import type { MergeRequestFacts } from '../deployment/gitlab-facts.ts';
import { firstRemark, judgeHead, waitToLookMs } from '../deployment/head-remark.ts';
import type { GitLab } from '../gitlab/gitlab.ts';
import type { MergeRequestRow } from '../store/schema.ts';
import type { Store } from '../store/store.ts';
import { again, DONE, type Result } from './reconciler.ts';

/**
 * Finds out why the head commit is not deployed, where an app of the merge request runs an older one: its pipeline was skipped, failed, or
 * brought nothing. One request, and only while that is so.
 */
export async function remarkOnHead(
  context: { readonly store: Store; readonly gitlab: GitLab; readonly now: () => number },
  row: MergeRequestRow,
  facts: Pick<MergeRequestFacts, 'headSha' | 'projectId' | 'sourceProjectId'>,
): Promise<Result> {
  const { store, gitlab, now } = context;
  const behind = store.deployments.ofMergeRequest(row.id).filter((deployment) => {
    const latest = store.revisions.latest(deployment.id);
    return deployment.wanted === 'running' && latest !== undefined && latest.commit.sha !== facts.headSha;
  });
  // A fork's commit waits for a person's word, and the note says so by itself.
  const waitsForPerson = isFork(facts) && row.approvedSha !== facts.headSha;
  if (behind.length === 0 || waitsForPerson) {
    if (row.headRemark !== null) store.mergeRequests.update(row.id, { headRemark: null });
    return DONE;
  }
  const first = firstRemark(facts.headSha, row.headRemark, now());
  if (first !== row.headRemark) store.mergeRequests.update(row.id, { headRemark: first });
  const waitMs = waitToLookMs(first, now());
  if (waitMs > 0) return again(waitMs);
  const pipelines = await gitlab.mergeRequestPipelines(row.projectId, row.iid);
  const deployedBy = Math.min(...behind.map(({ pipelineId }) => pipelineId));
  const { remark, lookAgainMs } = judgeHead(first, { pipelines, deployedBy, now: now() });
  store.mergeRequests.update(row.id, { headRemark: remark });
  return lookAgainMs === undefined ? DONE : again(lookAgainMs);
}
