import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

/** The result of looking at who sent a webhook. `deliveryId` is the same for each repetition of one delivery. */
export type ProofResult =
  | { readonly ok: true; readonly deliveryId: string }
  | { readonly ok: false; readonly reason: string };

/**
 * Looks at the headers first: whoever can prove nothing is refused before any of the body is read.
 * @param now ms since the epoch
 */
export type WebhookProof = (
  headers: IncomingHttpHeaders,
  now: number,
) => { readonly ok: false; readonly reason: string } | { readonly ok: true; check(rawBody: Buffer): ProofResult };

/** What Standard Webhooks libraries allow; GitLab itself gives no window. */
const WINDOW_SECONDS = 5 * 60;
const MAX_ID = 200;
const SECRET_PREFIX = 'whsec_';
/** Of symmetric signatures; others are for keys that GitLab does not use. */
const VERSION = 'v1,';

/**
 * Makes the check of a webhook's proof. A signature (Standard Webhooks, GitLab 19) is checked wherever one is sent, and nothing
 * else counts then; without one it is the secret token.
 *
 * @param options.signingSecrets `whsec_` and base64, several while rotating
 * @param options.tokens values of X-Gitlab-Token, several while rotating
 */
export function createWebhookProof(options: {
  readonly signingSecrets: readonly string[];
  readonly tokens: readonly string[];
}): WebhookProof {
  const keys = options.signingSecrets.map((secret) => Buffer.from(secret.slice(SECRET_PREFIX.length), 'base64'));
  const tokens = options.tokens.filter((token) => token !== '').map(digestOf);
  return (headers, now) => {
    const signature = headerOf(headers, 'webhook-signature');
    const check =
      signature === undefined
        ? checkToken(headerOf(headers, 'x-gitlab-token'), tokens)
        : readSignature({ signature, headers, now }, keys);
    if (typeof check === 'string') return { ok: false, reason: check };
    return {
      ok: true,
      check(rawBody) {
        return check(rawBody)
          ? { ok: true, deliveryId: deliveryIdOf(headers, rawBody) }
          : { ok: false, reason: WRONG_SIGNATURE };
      },
    };
  };
}

const WRONG_SIGNATURE = "The webhook's signature does not match: BD_WEBHOOK_SECRET is not the hook's signing token.";

/** Whether the body is the one that was proved; or why nothing is. */
type BodyCheck = ((rawBody: Buffer) => boolean) | string;

function checkToken(sent: string | undefined, tokens: readonly Buffer[]): BodyCheck {
  if (!sent) {
    return "The webhook carries neither a signature nor a secret token. Set the hook's signing token to BD_WEBHOOK_SECRET, or its secret token to BD_WEBHOOK_TOKEN.";
  }
  const digest = digestOf(sent);
  // All are compared: the time must not tell which one matched.
  const matches = tokens.filter((token) => timingSafeEqual(token, digest));
  return matches.length > 0 ? () => true : "The hook's secret token is not the one in BD_WEBHOOK_TOKEN.";
}

function readSignature(
  sent: { readonly signature: string; readonly headers: IncomingHttpHeaders; readonly now: number },
  keys: readonly Buffer[],
): BodyCheck {
  if (keys.length === 0)
    return "The webhook is signed, but BD_WEBHOOK_SECRET is not set: set it to the hook's signing token.";
  const id = headerOf(sent.headers, 'webhook-id');
  const timestamp = headerOf(sent.headers, 'webhook-timestamp') ?? '';
  if (!id || !/^\d{1,12}$/.test(timestamp)) {
    return 'The webhook is signed, but its webhook-id or webhook-timestamp header is missing or malformed.';
  }
  if (Math.abs(sent.now / 1000 - Number(timestamp)) > WINDOW_SECONDS) {
    return `The webhook was signed more than ${WINDOW_SECONDS / 60} minutes from now: compare the clocks of GitLab and this service.`;
  }
  const given = sent.signature.split(' ').filter((one) => one.startsWith(VERSION));
  return (rawBody) => {
    const expected = keys.map((key) => sign(key, `${id}.${timestamp}.`, rawBody));
    // All are compared: the time must not tell which one matched.
    return expected.filter((mac) => given.filter((one) => isMac(one, mac)).length > 0).length > 0;
  };
}

/** HMAC-SHA256 over `<id>.<timestamp>.<body>` (Standard Webhooks, "Symmetric"). */
function sign(key: Buffer, head: string, rawBody: Buffer): Buffer {
  return createHmac('sha256', key).update(head).update(rawBody).digest();
}

function isMac(signature: string, mac: Buffer): boolean {
  const given = Buffer.from(signature.slice(VERSION.length), 'base64');
  return given.length === mac.length && timingSafeEqual(given, mac);
}

/**
 * GitLab repeats `webhook-id` and `Idempotency-Key` (17.4) when it sends a delivery again. `X-Gitlab-Webhook-UUID` is new for each
 * request, whatever its documentation says, so it is of no use.
 */
function deliveryIdOf(headers: IncomingHttpHeaders, rawBody: Buffer): string {
  const id = headerOf(headers, 'webhook-id') || headerOf(headers, 'idempotency-key');
  if (id && id.length <= MAX_ID) return id;
  const hash = createHash('sha256').update(id || (headerOf(headers, 'x-gitlab-event-uuid') ?? ''));
  return `sha256:${hash.update('\0').update(rawBody).digest('hex')}`;
}

/** A header that Node gives as one text, as it does with all but `set-cookie`. */
export function headerOf(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'string' ? value : undefined;
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
