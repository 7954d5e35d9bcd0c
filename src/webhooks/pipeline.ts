import { z } from 'zod';
import { accept, ignore, type WebhookReading } from './hint.ts';
import { Id } from './wire.ts';

const Payload = z.object({
  object_attributes: z.object({ status: z.string() }),
  merge_request: z.object({ iid: Id, target_project_id: Id }).nullish(),
});

/** GitLab tells of every change on the way to one of these (doc/api/pipelines.md, `status`). */
const ENDS = new Set(['success', 'failed', 'canceled', 'skipped']);

/** The end of a merge request's pipeline; those of branches do not concern us. */
export function readPipeline(body: unknown): WebhookReading {
  const { merge_request: mergeRequest, object_attributes: pipeline } = Payload.parse(body);
  if (!mergeRequest) return ignore('the pipeline belongs to no merge request');
  if (!ENDS.has(pipeline.status)) return ignore('the pipeline has not ended');
  const { iid, target_project_id: projectId } = mergeRequest;
  return accept({ kind: pipeline.status === 'success' ? 'pipeline-success' : 'merge-request', projectId, iid });
}
