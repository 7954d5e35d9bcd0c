import { randomUUID } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import type { EventName, ServerEvent } from '../records.ts';
import type { StandInGitLab } from '../stand-in.ts';
import type { Hook } from '../state.ts';

export interface Delivery {
  readonly hookId: number;
  readonly event: EventName;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Null where no answer came. */
  readonly status: number | null;
  readonly error: string | null;
}

/** GitLab's default (`webhook_timeout`). */
const TIMEOUT_MS = 10_000;
const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

/** Delivers events to hooks: each hook's in order, beside everything else, and never again by itself. */
export class HookQueue {
  readonly deliveries: Delivery[] = [];
  private readonly gitlab: StandInGitLab;
  private readonly tails = new Map<number, Promise<void>>();
  private readonly abort = new AbortController();
  private pending = 0;
  private waiting: Array<() => void> = [];

  constructor(gitlab: StandInGitLab) {
    this.gitlab = gitlab;
  }

  emit(event: ServerEvent): void {
    const project = this.gitlab.project(event.projectId);
    const body = JSON.stringify(event.payload);
    const eventUuid = randomUUID();
    for (const hook of project.hooks) {
      if (hook.events !== null && !hook.events.includes(event.name)) continue;
      // What GitLab holds when the hook is due, not when it is sent: headers are made now, but for the time of the signature.
      const message = { event: event.name, body, eventUuid, id: randomUUID() };
      for (const lateMs of this.gitlab.faults.chaos?.hook(event.name) ?? [0]) this.enqueueLate(hook, message, lateMs);
    }
  }

  /** Sends a recorded delivery again with its ids. */
  resend(delivery: Delivery): Promise<void> {
    const hook = this.gitlab.state.projects.flatMap(({ hooks }) => hooks).find(({ id }) => id === delivery.hookId);
    if (!hook) throw new Error(`Hook ${delivery.hookId} is gone.`);
    return this.enqueue(hook, {
      event: delivery.event,
      body: delivery.body,
      eventUuid: delivery.headers['X-Gitlab-Event-UUID'] ?? randomUUID(),
      id: delivery.headers['Idempotency-Key'] ?? randomUUID(),
    });
  }

  settled(): Promise<void> {
    return this.pending === 0 ? Promise.resolve() : new Promise((resolve) => this.waiting.push(resolve));
  }

  close(): void {
    this.abort.abort();
  }

  private enqueueLate(hook: Hook, message: Message, lateMs: number): void {
    if (lateMs === 0) return void this.enqueue(hook, message);
    this.pending += 1;
    setTimeout(() => {
      this.pending -= 1;
      void this.enqueue(hook, message);
    }, lateMs);
  }

  private enqueue(hook: Hook, message: Message): Promise<void> {
    this.pending += 1;
    const tail = (this.tails.get(hook.id) ?? Promise.resolve()).then(async () => {
      try {
        await this.deliver(hook, message);
      } finally {
        this.pending -= 1;
        if (this.pending === 0) for (const resolve of this.waiting.splice(0)) resolve();
      }
    });
    this.tails.set(hook.id, tail);
    return tail;
  }

  private async deliver(hook: Hook, message: Message): Promise<void> {
    if (this.abort.signal.aborted) return;
    if (hook.disabledUntil !== null && Date.parse(hook.disabledUntil) > this.gitlab.now()) return;
    const headers = this.headers(hook, message);
    const outcome = await send(hook.url, { headers, body: message.body, signal: this.abort.signal });
    this.deliveries.push({
      hookId: hook.id,
      event: message.event,
      url: hook.url,
      headers,
      body: message.body,
      ...outcome,
    });
    // A redirect is a success for GitLab, and is not followed.
    this.account(hook, outcome.status !== null && outcome.status < 400);
  }

  private headers(hook: Hook, message: Message): Record<string, string> {
    const at = new Date(Math.floor(this.gitlab.now() / 1000) * 1000);
    return {
      'Content-Type': 'application/json',
      'User-Agent': 'GitLab/19.1.0',
      'X-Gitlab-Event': message.event,
      'X-Gitlab-Instance': this.gitlab.url,
      // New for each request, whatever the documentation says (web_hook_service.rb).
      'X-Gitlab-Webhook-UUID': randomUUID(),
      'X-Gitlab-Event-UUID': message.eventUuid,
      'Idempotency-Key': message.id,
      ...(hook.token !== null && { 'X-Gitlab-Token': hook.token }),
      ...(hook.signingToken !== null && {
        'webhook-id': message.id,
        'webhook-timestamp': String(at.getTime() / 1000),
        'webhook-signature': new Webhook(hook.signingToken).sign(message.id, at, message.body),
      }),
    };
  }

  /** app/models/concerns/web_hooks/auto_disabling.rb: four failures in a row disable it for a minute, then twice as long each time; 40 for good. */
  private account(hook: Hook, succeeded: boolean): void {
    if (succeeded) {
      hook.consecutiveFailures = 0;
      hook.disabledUntil = null;
      return;
    }
    hook.consecutiveFailures += 1;
    if (hook.consecutiveFailures < 4) return;
    const backoff =
      hook.consecutiveFailures >= 40 ? 365 * DAY_MS : Math.min(MINUTE_MS * 2 ** (hook.consecutiveFailures - 4), DAY_MS);
    hook.disabledUntil = new Date(this.gitlab.now() + backoff).toISOString();
  }
}

interface Message {
  readonly event: EventName;
  readonly body: string;
  readonly eventUuid: string;
  readonly id: string;
}

async function send(
  url: string,
  options: { readonly headers: Record<string, string>; readonly body: string; readonly signal: AbortSignal },
): Promise<{ status: number | null; error: string | null }> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: options.headers,
      body: options.body,
      redirect: 'manual',
      signal: AbortSignal.any([options.signal, AbortSignal.timeout(TIMEOUT_MS)]),
    });
    await response.arrayBuffer();
    return { status: response.status, error: null };
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    return { status: null, error: String(cause) };
  }
}
