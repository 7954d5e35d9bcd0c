import { z } from 'zod';
import { accept, ignore, type WebhookReading } from './hint.ts';
import { Id } from './wire.ts';

const Payload = z.object({ ref: z.string(), project_id: Id });
const BRANCH = 'refs/heads/';

/** A push to a branch, or its deletion. */
export function readPush(body: unknown): WebhookReading {
  const { ref, project_id: projectId } = Payload.parse(body);
  if (!ref.startsWith(BRANCH) || ref === BRANCH) return ignore('the push is not to a branch');
  return accept({ kind: 'branch', projectId, branch: ref.slice(BRANCH.length) });
}
