import type { IncomingMessage } from 'node:http';
import { Hono } from 'hono';
import { isKnown, type Told } from '../deployment/told.ts';
import { ProblemError } from '../errors.ts';
import { type Log, mergeRequestFields, plainLog } from '../log.ts';
import type { MergeRequestHead } from '../store/merge-requests.ts';
import type { Store } from '../store/store.ts';
import { type Hint, readWebhook, type WebhookReading } from '../webhooks/read-webhook.ts';
import type { HeardOfStrangers } from './heard-of-strangers.ts';
import { createBodyReader } from './patient-body.ts';
import { headerOf, type WebhookProof } from './webhook-proof.ts';

/** GitLab's own limit for what it sends (doc/user/project/integrations/webhooks.md). */
const MAX_BYTES = 25 * 1024 * 1024;
/** GitLab's are shorter; this one is the sender's word. */
const LONGEST_EVENT = 80;
/** GitLab gives up on a webhook after 10 s, unless its administrator allows more (`webhook_timeout`). */
const BODY_MS = 12_000;

export interface WebhookContext {
  readonly store: Store;
  readonly log: Log;
  readonly now: () => number;
  readonly proof: WebhookProof;
  readonly heardOfStrangers: HeardOfStrangers;
  /** Told of each webhook what became of it; the event is what its sender wrote. */
  onWebhook?(event: string | undefined, outcome: 'accepted' | 'ignored' | 'refused'): void;
  previewUrl(name: string): string;
}

/** What hono's adapter for Node gives beside hono's own request. */
type OnNode = { Bindings: { readonly incoming: IncomingMessage } };

/** A push comes as a push, and soon as a change of its merge request: then one look is enough. */
const SOON_MS = 10_000;

/**
 * `POST /webhooks/gitlab`: proof, then hints that mark work due, then 200. Whatever an authentic webhook says, it is 2xx: four failures
 * in a row make GitLab disable the hook.
 */
export function webhookRoutes(context: WebhookContext): Hono<OnNode> {
  const { store, now, proof } = context;
  const log = plainLog(context.log);
  const app = new Hono<OnNode>();
  const readBody = createBodyReader({
    withinMs: BODY_MS,
    mostBytes: MAX_BYTES,
    tooLarge: 'The webhook is larger than 25 MiB, which GitLab never sends.',
    togetherBytes: 4 * MAX_BYTES,
  });
  app.post('/gitlab', async (c) => {
    const { incoming } = c.env;
    const event = headerOf(incoming.headers, 'x-gitlab-event');
    const claim = proof(incoming.headers, now());
    if (!claim.ok) return refuse(event, claim.reason);
    const raw = await readBody(incoming);
    const proved = claim.check(raw);
    if (!proved.ok) return refuse(event, proved.reason);
    const reading = readWebhook(event, parseJson(raw));
    const answer = reading.accepted ? await take(reading.hints, proved.deliveryId) : reading;
    context.onWebhook?.(event, answer.accepted ? 'accepted' : 'ignored');
    log.info({ decision: 'webhook', ...idsOf(reading), event: event?.slice(0, LONGEST_EVENT), ...answer }, 'a webhook');
    return c.json(answer);
  });
  return app;

  function refuse(event: string | undefined, reason: string): never {
    context.onWebhook?.(event, 'refused');
    throw new ProblemError('wrong-proof', 401, reason);
  }

  function take(
    hints: readonly Hint[],
    deliveryId: string,
  ): Promise<{ accepted: true } | { accepted: false; reason: string }> {
    return store.batched(() => {
      if (!store.deliveries.remember(deliveryId, now()))
        return { accepted: false, reason: 'this delivery was taken before' };
      const marked = hints.map(applyHint).some(Boolean);
      return marked ? { accepted: true } : { accepted: false, reason: 'no branch deployment has to do with it' };
    });
  }

  /** Marks work due; false where the hint is about nothing that we know. */
  function applyHint(hint: Hint): boolean {
    switch (hint.kind) {
      case 'branch': {
        context.heardOfStrangers.branch(hint.projectId, hint.branch, hint.headSha);
        const rows = store.mergeRequests.openWithBranch(hint.projectId, hint.branch);
        for (const row of rows) {
          if (hint.headSha === undefined || !wasRead(row, { headSha: hint.headSha }))
            store.work.mark(`merge-request:${row.id}`, 'merge-request', now() + SOON_MS);
        }
        return rows.length > 0;
      }
      case 'environment': {
        const found = store.deployments
          .withEnvironment(hint.projectId, hint.name)
          .filter(({ wanted, name }) => wanted !== 'running' || hint.url !== context.previewUrl(name));
        for (const deployment of found) store.work.mark(`deployment:${deployment.id}`, 'environment', now());
        return found.length > 0;
      }
      case 'pipeline-success': {
        const row = store.mergeRequests.head(hint.projectId, hint.iid);
        if (!row || isHeadDeployed(row)) return false;
        store.work.mark(`merge-request:${row.id}`, 'merge-request', now());
        return true;
      }
      case 'comment':
      case 'merge-request': {
        const row = store.mergeRequests.head(hint.projectId, hint.iid);
        if (!row) {
          const told = hint.kind === 'comment' ? undefined : hint.told;
          context.heardOfStrangers.mergeRequest(hint.projectId, hint.iid, told);
          return false;
        }
        if (hint.kind === 'comment') store.comments.add(row.id, hint.noteId, now());
        else if (hint.told && wasRead(row, hint.told)) return true;
        store.work.mark(`merge-request:${row.id}`, 'merge-request', now());
        return true;
      }
      default:
        return hint satisfies never;
    }
  }

  /** Whether the merge request was read as it is told. While it is being read, that answer may be the older one. */
  function wasRead(row: MergeRequestHead, told: Partial<Told>): boolean {
    return isKnown(told, row, () => appsOf(row.id)) && !isBeingRead(row.id);
  }

  function appsOf(mergeRequestId: number) {
    return store.deployments.ofMergeRequest(mergeRequestId).map(({ id, wanted, stopReason }) => ({
      wanted,
      stopReason,
      latestSha: store.revisions.latest(id)?.commit.sha,
    }));
  }

  function isBeingRead(mergeRequestId: number): boolean {
    return typeof store.work.find(`merge-request:${mergeRequestId}`, 'merge-request')?.claimedBy === 'string';
  }

  function isHeadDeployed({ id, headSha }: Pick<MergeRequestHead, 'id' | 'headSha'>): boolean {
    const deployments = store.deployments.ofMergeRequest(id);
    return deployments.every((deployment) => store.revisions.latest(deployment.id)?.commit.sha === headSha);
  }
}

/** What a webhook says that it is about; nothing that is believed. */
function idsOf(reading: WebhookReading) {
  const hint = reading.accepted ? reading.hints[0] : undefined;
  if (hint === undefined) return {};
  return 'iid' in hint ? mergeRequestFields(hint) : { project: hint.projectId };
}

function parseJson(raw: Buffer): unknown {
  try {
    return JSON.parse(raw.toString('utf8'));
  } catch {
    return undefined;
  }
}
