import { z } from 'zod';
import { accept, ignore, type WebhookReading } from './hint.ts';
import { Id } from './wire.ts';

const Payload = z.object({ merge_request: z.object({ iid: Id, target_project_id: Id }).nullish() });

/** A change of a merge request's pipeline; those of branches do not concern us. */
export function readPipeline(body: unknown): WebhookReading {
  const { merge_request: mergeRequest } = Payload.parse(body);
  if (!mergeRequest) return ignore('the pipeline belongs to no merge request');
  return accept({ kind: 'merge-request', projectId: mergeRequest.target_project_id, iid: mergeRequest.iid });
}
