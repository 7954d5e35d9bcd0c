import { z } from 'zod';
import { accept, ignore, type WebhookReading } from './hint.ts';
import { Id } from './wire.ts';

const Payload = z.object({ ref: z.string(), project_id: Id, after: z.string().optional().catch(undefined) });
const BRANCH = 'refs/heads/';

/** A push to a branch, or its deletion. */
export function readPush(body: unknown): WebhookReading {
  const { ref, project_id: projectId, after: headSha } = Payload.parse(body);
  if (!ref.startsWith(BRANCH) || ref === BRANCH) return ignore('the push is not to a branch');
  const branch = ref.slice(BRANCH.length);
  return accept({ kind: 'branch', projectId, branch, ...(headSha === undefined ? {} : { headSha }) });
}
