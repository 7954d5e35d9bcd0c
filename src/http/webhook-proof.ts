import { createHash, timingSafeEqual } from 'node:crypto';
import { Webhook } from 'standardwebhooks';

/** The result of looking at who sent a webhook. `deliveryId` is the same for each repetition of one delivery. */
export type ProofResult =
  | { readonly ok: true; readonly deliveryId: string }
  | { readonly ok: false; readonly reason: string };

/** @param now ms since the epoch */
export type WebhookProof = (headers: Headers, rawBody: Buffer, now: number) => ProofResult;

/** What Standard Webhooks libraries allow; GitLab itself gives no window. */
const WINDOW_SECONDS = 5 * 60;
const MAX_ID = 200;

/**
 * Makes the check of a webhook's proof. A signature (Standard Webhooks, GitLab 19) is checked wherever one is sent, and nothing
 * else counts then; without one it is the secret token.
 *
 * @param options.signingSecrets `whsec_…`, several while rotating; throws where one is not base64
 * @param options.tokens values of X-Gitlab-Token, several while rotating
 */
export function createWebhookProof(options: {
  readonly signingSecrets: readonly string[];
  readonly tokens: readonly string[];
}): WebhookProof {
  const signers = options.signingSecrets.map((secret) => new Webhook(secret));
  const tokens = options.tokens.filter((token) => token !== '').map(digestOf);
  return (headers, rawBody, now) => {
    const signature = headers.get('webhook-signature');
    const refusal =
      signature === null
        ? checkToken(headers.get('x-gitlab-token'), tokens)
        : checkSignature({ signature, headers, rawBody, now }, signers);
    return refusal === undefined
      ? { ok: true, deliveryId: deliveryIdOf(headers, rawBody) }
      : { ok: false, reason: refusal };
  };
}

function checkToken(sent: string | null, tokens: readonly Buffer[]): string | undefined {
  if (sent === null || sent === '') {
    return "The webhook carries neither a signature nor a secret token. Set the hook's signing token to BD_WEBHOOK_SECRET, or its secret token to BD_WEBHOOK_TOKEN.";
  }
  const digest = digestOf(sent);
  // All are compared: the time must not tell which one matched.
  const matches = tokens.filter((token) => timingSafeEqual(token, digest));
  return matches.length > 0 ? undefined : "The hook's secret token is not the one in BD_WEBHOOK_TOKEN.";
}

function checkSignature(
  sent: { readonly signature: string; readonly headers: Headers; readonly rawBody: Buffer; readonly now: number },
  signers: readonly Webhook[],
): string | undefined {
  if (signers.length === 0)
    return "The webhook is signed, but BD_WEBHOOK_SECRET is not set: set it to the hook's signing token.";
  const id = sent.headers.get('webhook-id');
  const timestamp = sent.headers.get('webhook-timestamp') ?? '';
  if (id === null || id === '' || !/^\d{1,12}$/.test(timestamp)) {
    return 'The webhook is signed, but its webhook-id or webhook-timestamp header is missing or malformed.';
  }
  // Checked here and not by the library's verify(): that one reads the system's clock.
  if (Math.abs(sent.now / 1000 - Number(timestamp)) > WINDOW_SECONDS) {
    return `The webhook was signed more than ${WINDOW_SECONDS / 60} minutes from now: compare the clocks of GitLab and this service.`;
  }
  const given = sent.signature.split(' ').map(digestOf);
  const expected = signers.map((signer) => digestOf(signer.sign(id, new Date(Number(timestamp) * 1000), sent.rawBody)));
  const matches = expected.filter((one) => given.some((other) => timingSafeEqual(one, other)));
  return matches.length > 0
    ? undefined
    : "The webhook's signature does not match: BD_WEBHOOK_SECRET is not the hook's signing token.";
}

/**
 * GitLab repeats `webhook-id` and `Idempotency-Key` (17.4) when it sends a delivery again. `X-Gitlab-Webhook-UUID` is new for each
 * request, whatever its documentation says, so it is of no use.
 */
function deliveryIdOf(headers: Headers, rawBody: Buffer): string {
  const id = headers.get('webhook-id') || headers.get('idempotency-key');
  if (id && id.length <= MAX_ID) return id;
  const hash = createHash('sha256').update(id || (headers.get('x-gitlab-event-uuid') ?? ''));
  return `sha256:${hash.update('\0').update(rawBody).digest('hex')}`;
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
