import type { z } from '@hono/zod-openapi';
import type { ListedDeployment, RevisionSummary } from '../../store/reading.ts';
import type { DeploymentRow, EventRow, MergeRequestRow } from '../../store/schema.ts';
import type { ApiContext } from './context.ts';
import type { DeploymentBody, EventBody, RevisionBody } from './schemas.ts';

/** Rows as `/api` shows them: names as GitLab's API writes them, ISO times, no path, no address of an instance. */

export function presentDeployments(
  context: Pick<ApiContext, 'store' | 'previewUrl'>,
  listed: readonly ListedDeployment[],
): Array<z.input<typeof DeploymentBody>> {
  const revisions = context.store.reading.summaries(listed.map(({ deployment }) => deployment));
  const isQueue = listed.some(({ deployment }) => deployment.waitingSince !== null);
  const queue = isQueue ? context.store.places.waiting().map(({ deploymentId }) => deploymentId) : [];
  return listed.map(({ deployment, mergeRequest }) => {
    const own = revisions.filter((r) => r.deploymentId === deployment.id);
    const latest = own.reduce<RevisionSummary | undefined>((a, b) => (a && a.number > b.number ? a : b), undefined);
    const live = own.find((r) => r.id === deployment.liveRevisionId);
    return {
      id: deployment.id,
      name: deployment.name,
      url: context.previewUrl(deployment.name),
      app: deployment.app,
      project: { id: deployment.projectId, path: mergeRequest.projectPath },
      merge_request: {
        iid: mergeRequest.iid,
        title: mergeRequest.title,
        state: mergeRequest.state,
        web_url: mergeRequest.webUrl,
        source_branch: mergeRequest.sourceBranch,
        target_branch: mergeRequest.targetBranch,
        head_sha: mergeRequest.headSha,
        head_not_deployed: presentRemark(mergeRequest),
        unreadable_since: isoOrNull(mergeRequest.unreadableSince),
        unreadable_why: mergeRequest.unreadableWhy,
      },
      environment: deployment.environmentName,
      wanted: deployment.wanted,
      phase: deployment.phase,
      queue_position: queue.includes(deployment.id) ? queue.indexOf(deployment.id) + 1 : null,
      stop_reason: deployment.stopReason,
      stopping_since: isoOrNull(deployment.stoppingSince),
      stop_tries: deployment.stopTries,
      stop_error: deployment.stopError,
      stopped_at: isoOrNull(deployment.stoppedAt),
      created_at: iso(deployment.createdAt),
      latest_revision: latest ? presentRevision(latest, deployment) : null,
      live_revision: live ? presentRevision(live, deployment) : null,
    };
  });
}

/** Why the head commit will not be deployed by itself, where that is known. */
function presentRemark({ headRemark, headSha }: MergeRequestRow) {
  if (headRemark === null || headRemark.kind === 'waiting' || headRemark.sha !== headSha) return null;
  return { reason: headRemark.kind, pipeline_url: headRemark.pipelineUrl };
}

export function presentRevision(
  revision: RevisionSummary,
  deployment: Pick<DeploymentRow, 'liveRevisionId'>,
): z.input<typeof RevisionBody> {
  const { commit } = revision;
  return {
    number: revision.number,
    state: revision.state,
    message: revision.message,
    live: revision.id === deployment.liveRevisionId,
    preset: revision.preset,
    commit: {
      sha: commit.sha,
      title: commit.title,
      author_name: commit.authorName,
      created_at: iso(commit.timestamp * 1000),
      web_url: commit.webUrl,
    },
    pushed_by: revision.pushedBy,
    parts: revision.parts.map(({ name, state, message }) => ({ name, state, message: message ?? null })),
    queued_at: iso(revision.queuedAt),
    started_at: isoOrNull(revision.startedAt),
    healthy_at: isoOrNull(revision.healthyAt),
    ended_at: isoOrNull(revision.endedAt),
  };
}

export function presentEvent(event: EventRow): z.input<typeof EventBody> {
  return { at: iso(event.at), type: event.type, message: event.message };
}

const iso = (ms: number) => new Date(ms).toISOString();
const isoOrNull = (ms: number | null) => (ms === null ? null : iso(ms));
