import { describePlace, type QueuePlace } from '../deployment/admission.ts';
import { type ForkPolicy, isFork } from '../deployment/forks.ts';
import { toldTries } from '../deployment/stop-tries.ts';
import type { DeploymentRow, MergeRequestRow, RevisionRow } from '../store/schema.ts';
import type { Store } from '../store/store.ts';
import type { NoteApp, NoteModel, NoteRevision } from '../views/note/model.ts';

/** What the note tells, from the rows as they are now. Apps that have no revision yet have nothing to tell. */
export function noteModel(
  store: Store,
  mergeRequest: MergeRequestRow,
  options: { previewUrl(name: string): string; readonly maxRunning: number; readonly forks: ForkPolicy },
): NoteModel {
  const apps = store.deployments.ofMergeRequest(mergeRequest.id).flatMap((deployment): NoteApp[] => {
    const revisions = store.revisions.current(deployment.id);
    const latest = revisions.findLast((revision) => revision.state !== 'superseded') ?? revisions.at(-1);
    if (!latest) return [];
    const live = revisions.find(
      (revision) => revision.id === deployment.liveRevisionId && revision.state === 'healthy',
    );
    return [
      {
        label: deployment.app || (mergeRequest.projectPath.split('/').at(-1) as string),
        phase: deployment.phase,
        url: options.previewUrl(deployment.name),
        latest: describe(latest),
        servingSha: deployment.wanted === 'running' && live ? live.commit.sha : null,
        error: latest.state === 'failed' ? { message: latest.message ?? '', logLines: latest.failureLog } : null,
        parts: latest.parts,
        changes: changesOf(store, deployment, { latest, url: options.previewUrl(deployment.name) }),
        stopReason: deployment.stopReason,
        held: latest.state === 'held',
        queue: latest.state === 'queued' ? placeOf(store, deployment, options) : null,
        stopTrouble: stopTrouble(deployment),
        head: headOf(mergeRequest, deployment, revisions),
      },
    ];
  });
  const { state } = mergeRequest;
  return {
    mergeRequest: { state: state === 'deleted' ? 'closed' : state, toApprove: toApprove(mergeRequest, options) },
    apps,
  };
}

function toApprove(row: MergeRequestRow, { forks }: { readonly forks: ForkPolicy }): string | null {
  if (forks === 'never' || !isFork(row) || row.headSha === '') return null;
  return (row.state === 'opened' || row.state === 'locked') && row.approvedSha !== row.headSha ? row.headSha : null;
}

/** Told only of what the preview shows. */
function changesOf(
  store: Store,
  deployment: DeploymentRow,
  { latest, url }: { readonly latest: RevisionRow; readonly url: string },
): NoteApp['changes'] {
  if (deployment.wanted !== 'running' || latest.state !== 'healthy' || latest.id !== deployment.liveRevisionId)
    return null;
  const found = store.changes.of(latest.id);
  if (!found) return null;
  const { baseSha, baseUrl, unknown, compared, missingFiles } = found;
  return {
    base: baseSha === null ? null : { sha: baseSha, url: baseUrl ?? '' },
    url,
    unknown,
    changes: compared?.changes ?? { assets: [], downstream: [], named: [] },
    graph: compared?.graph ?? null,
    unknownLocations: compared?.unknownLocations ?? [],
    lockFiles: compared?.lockFiles ?? [],
    missingFiles,
    target: compared?.target ?? null,
  };
}

/** Most deployments do not wait: then nobody else's rows are read. */
function placeOf(
  store: Store,
  deployment: DeploymentRow,
  { maxRunning }: { readonly maxRunning: number },
): QueuePlace | null {
  return deployment.waitingSince === null ? null : describePlace(store.places.house(maxRunning), deployment);
}

/** Told only of the commit that is the head now, and only until a job has brought it. */
function headOf(
  { headRemark, headSha }: MergeRequestRow,
  deployment: DeploymentRow,
  revisions: readonly RevisionRow[],
): NoteApp['head'] {
  if (headRemark === null || headRemark.kind === 'waiting' || headRemark.sha !== headSha) return null;
  if (deployment.wanted === 'stopped' || revisions.at(-1)?.commit.sha === headSha) return null;
  const { sha, kind, pipelineUrl } = headRemark;
  return { sha, kind, pipelineUrl };
}

/** Told only once it has been tried for a while. */
function stopTrouble(deployment: DeploymentRow): NoteApp['stopTrouble'] {
  const tries = toldTries(deployment.stopTries);
  return deployment.phase === 'stopping' && tries > 0 ? { tries, error: deployment.stopError ?? '' } : null;
}

function describe(revision: RevisionRow): NoteRevision {
  const at = revision.endedAt ?? revision.startedAt ?? revision.queuedAt;
  return {
    sha: revision.commit.sha,
    title: revision.commit.title,
    commitUrl: revision.commit.webUrl,
    pushedBy: revision.pushedBy,
    at: new Date(at).toISOString(),
    tookMs: revision.endedAt === null ? null : revision.endedAt - revision.queuedAt,
  };
}
