import { ZodError } from 'zod';
import { readDeployment } from './deployment.ts';
import { ignore, type WebhookReading } from './hint.ts';
import { readMergeRequest } from './merge-request.ts';
import { readNote } from './note.ts';
import { readPipeline } from './pipeline.ts';
import { readPush } from './push.ts';

export type { Hint, WebhookReading } from './hint.ts';

/** By GitLab's X-Gitlab-Event header (doc/user/project/integrations/webhook_events.md). */
const READERS: ReadonlyMap<string, (body: unknown) => WebhookReading> = new Map([
  ['Merge Request Hook', readMergeRequest],
  ['Push Hook', readPush],
  ['Note Hook', readNote],
  ['Confidential Note Hook', readNote],
  ['Pipeline Hook', readPipeline],
  ['Deployment Hook', readDeployment],
]);

const SHOWN = 80;

/**
 * Reads a webhook's payload. Never throws: what is unknown or malformed is not accepted, with a reason, because an authentic webhook must be
 * answered with 2xx.
 *
 * @param event value of the X-Gitlab-Event header
 * @param body the parsed JSON, or undefined where it is none
 */
export function readWebhook(event: string | undefined, body: unknown): WebhookReading {
  if (event === undefined) return ignore('no X-Gitlab-Event header');
  const read = READERS.get(event);
  if (read === undefined) return ignore(`events of kind ${JSON.stringify(event.slice(0, SHOWN))} are not used`);
  try {
    return read(body);
  } catch (error) {
    if (!(error instanceof ZodError)) throw error;
    const where = error.issues[0]?.path.map(String).join('.') || 'the body';
    return ignore(`the payload of this ${event} is malformed at ${where}`);
  }
}
