import { randomUUID } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { SIGNING_TOKEN } from '../support/world.ts';

/** Headers of a delivery that GitLab signed. */
export function signedHeaders(event: string, body: string, options: { id?: string; at?: Date } = {}) {
  const { id = randomUUID(), at = new Date() } = options;
  return {
    'content-type': 'application/json',
    'x-gitlab-event': event,
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
    'webhook-signature': new Webhook(SIGNING_TOKEN).sign(id, at, body),
  };
}

/** A webhook with these headers. */
export async function post(serviceUrl: string, body: string, headers: Readonly<Record<string, string>>) {
  const response = await fetch(`${serviceUrl}/webhooks/gitlab`, { method: 'POST', headers, body });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}
