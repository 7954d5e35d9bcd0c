import { z } from 'zod';
import { accept, ignore, type WebhookReading } from './hint.ts';
import { Id } from './wire.ts';

const Payload = z.object({
  status: z.string(),
  environment: z.string().min(1),
  environment_external_url: z.string().nullish(),
  project: z.object({ id: Id }),
});

/** A deployment to an environment ended: the environment's link or state may have changed. Its success makes the environment available. */
export function readDeployment(body: unknown): WebhookReading {
  const { status, environment: name, environment_external_url: url, project } = Payload.parse(body);
  if (status === 'running') return ignore('the deployment has not ended');
  return accept({
    kind: 'environment',
    projectId: project.id,
    name,
    url: status === 'success' ? (url ?? null) : null,
  });
}
