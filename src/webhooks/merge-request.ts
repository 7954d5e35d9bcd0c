import { z } from 'zod';
import type { Told } from '../deployment/told.ts';
import { accept, type WebhookReading } from './hint.ts';
import { Id } from './wire.ts';

const Any = z.unknown().optional();
/** Names what is looked at later, too: a loose object copies all fields, which takes 2 µs. */
const Payload = z.object({
  object_attributes: z.object({
    iid: Id,
    target_project_id: Id,
    state: Any,
    title: Any,
    target_branch: Any,
    last_commit: Any,
  }),
});
/** What is left out, or is something else, only means that the merge request is looked at. */
const Said = z.object({
  state: z.string(),
  title: z.string(),
  target_branch: z.string(),
  last_commit: z.object({ id: z.string() }),
});

/** Any change of a merge request, whatever its action: what matters is its state when it is read. */
export function readMergeRequest(body: unknown): WebhookReading {
  const { object_attributes: mergeRequest } = Payload.parse(body);
  const { iid, target_project_id: projectId } = mergeRequest;
  const told = readTold(mergeRequest);
  return accept({ kind: 'merge-request', projectId, iid, ...(told ? { told } : {}) });
}

function readTold(mergeRequest: unknown): Told | undefined {
  const said = Said.safeParse(mergeRequest);
  if (!said.success) return undefined;
  const { state, title, target_branch: targetBranch, last_commit: head } = said.data;
  return { state, title, targetBranch, headSha: head.id };
}
