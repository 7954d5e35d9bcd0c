import { z } from 'zod';
import { accept, type WebhookReading } from './hint.ts';
import { Id } from './wire.ts';

const Payload = z.object({ environment: z.string().min(1), project: z.object({ id: Id }) });

/** A deployment to an environment started or ended: the environment's link or state may have changed. */
export function readDeployment(body: unknown): WebhookReading {
  const { environment, project } = Payload.parse(body);
  return accept({ kind: 'environment', projectId: project.id, name: environment });
}
