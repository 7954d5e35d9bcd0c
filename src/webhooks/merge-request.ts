import { z } from 'zod';
import { accept, type WebhookReading } from './hint.ts';
import { Id } from './wire.ts';

const Payload = z.object({
  object_attributes: z.object({ iid: Id, target_project_id: Id, state: z.unknown().optional() }),
});

/** Any change of a merge request, whatever its action: what matters is its state when it is read. */
export function readMergeRequest(body: unknown): WebhookReading {
  const { object_attributes: mergeRequest } = Payload.parse(body);
  const { iid, target_project_id: projectId, state } = mergeRequest;
  const ended = state === 'closed' || state === 'merged';
  return accept({ kind: 'merge-request', projectId, iid, ...(ended ? { ended } : {}) });
}
