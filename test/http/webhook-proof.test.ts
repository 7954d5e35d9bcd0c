import { Webhook } from 'standardwebhooks';
import { describe, expect, it } from 'vitest';
import { createWebhookProof as createClaims, type ProofResult } from '../../src/http/webhook-proof.ts';

// The example of the Standard Webhooks specification.
const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const ID = 'msg_p5jXN8AQM9LWM0D4loKWxJek';
const AT = 1_614_265_330;
const BODY = Buffer.from('{"test": 2432232314}');
const SIGNATURE = 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=';
const OTHER_SECRET = `whsec_${Buffer.from('another secret of this service').toString('base64')}`;

const signed = (changes: Record<string, string> = {}) =>
  new Headers({ 'webhook-id': ID, 'webhook-timestamp': String(AT), 'webhook-signature': SIGNATURE, ...changes });
const without = (headers: Headers, name: string) => {
  headers.delete(name);
  return headers;
};

/** Headers and body together, as the door looks at them. */
function createWebhookProof(options: Parameters<typeof createClaims>[0]) {
  const claims = createClaims(options);
  return (headers: Headers, body: Buffer, now: number): ProofResult => {
    const claim = claims(Object.fromEntries(headers), now);
    return claim.ok ? claim.check(body) : claim;
  };
}

describe('a signed webhook', () => {
  const proof = createWebhookProof({ signingSecrets: [SECRET], tokens: ['token'] });
  const now = AT * 1000;

  it('is taken with the signature of the specification, and known by its id', () => {
    expect(proof(signed(), BODY, now)).toEqual({ ok: true, deliveryId: ID });
  });

  it('is taken with the old and the new secret while rotating', () => {
    const rotating = createWebhookProof({ signingSecrets: [OTHER_SECRET, SECRET], tokens: [] });
    const other = new Webhook(OTHER_SECRET).sign(ID, new Date(now), BODY.toString());
    expect(rotating(signed(), BODY, now).ok).toBe(true);
    expect(rotating(signed({ 'webhook-signature': other }), BODY, now).ok).toBe(true);
    expect(proof(signed({ 'webhook-signature': other }), BODY, now).ok).toBe(false);
  });

  it('is taken when one of several signatures matches', () => {
    expect(proof(signed({ 'webhook-signature': `v1,AAAA ${SIGNATURE} v2,BBBB` }), BODY, now).ok).toBe(true);
  });

  it.each([
    ['a changed body', signed(), Buffer.from('{"test": 2432232315}'), 'does not match'],
    ['another id', signed({ 'webhook-id': 'msg_other' }), BODY, 'does not match'],
    ['no signature in the header', signed({ 'webhook-signature': '' }), BODY, 'does not match'],
    ['another version', signed({ 'webhook-signature': SIGNATURE.replace('v1', 'v2') }), BODY, 'does not match'],
    ['no id', without(signed(), 'webhook-id'), BODY, 'webhook-id'],
    ['no timestamp', without(signed(), 'webhook-timestamp'), BODY, 'webhook-timestamp'],
    ['a timestamp with a tail', signed({ 'webhook-timestamp': `${AT}x` }), BODY, 'webhook-timestamp'],
    [
      'a wrong signature beside the right token',
      signed({ 'webhook-signature': 'v1,AAAA', 'x-gitlab-token': 'token' }),
      BODY,
      'does not match',
    ],
  ])('is refused with %s', (_what, headers, body, reason) => {
    const result = proof(headers, body, now);
    expect(result).toMatchObject({ ok: false });
    expect(result.ok ? '' : result.reason).toContain(reason);
  });

  it('is taken within five minutes of either clock, and not later', () => {
    for (const seconds of [-300, 300]) expect(proof(signed(), BODY, now + seconds * 1000).ok).toBe(true);
    for (const seconds of [-301, 301]) expect(proof(signed(), BODY, now + seconds * 1000).ok).toBe(false);
  });

  it('is refused by a service that knows the token only', () => {
    const tokenOnly = createWebhookProof({ signingSecrets: [], tokens: ['token'] });
    expect(tokenOnly(signed({ 'x-gitlab-token': 'token' }), BODY, now)).toMatchObject({ ok: false });
  });
});

describe('a webhook with the secret token', () => {
  const proof = createWebhookProof({ signingSecrets: [SECRET], tokens: ['one', 'two'] });

  it.each(['one', 'two'])('is taken with %s', (token) => {
    expect(proof(new Headers({ 'x-gitlab-token': token }), BODY, 0).ok).toBe(true);
  });

  it.each(['', 'on', 'onee', 'ONE', 'one,two'])('is refused with %j', (token) => {
    expect(proof(new Headers({ 'x-gitlab-token': token }), BODY, 0).ok).toBe(false);
  });

  it('is refused without one, also where the service knows none or an empty one', () => {
    for (const tokens of [['one'], [], ['']]) {
      const strict = createWebhookProof({ signingSecrets: [SECRET], tokens });
      for (const headers of [new Headers(), new Headers({ 'x-gitlab-token': '' })]) {
        expect(strict(headers, BODY, 0)).toMatchObject({ ok: false });
      }
    }
  });

  it('is known by its idempotency key, else by event and content', () => {
    const idOf = (headers: Record<string, string>, body = BODY) => {
      const result = proof(new Headers({ 'x-gitlab-token': 'one', ...headers }), body, 0);
      return result.ok ? result.deliveryId : undefined;
    };
    expect(idOf({ 'idempotency-key': 'key', 'x-gitlab-event-uuid': 'a' })).toBe('key');
    const id = idOf({ 'x-gitlab-event-uuid': 'a' });
    expect(id).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(idOf({ 'x-gitlab-event-uuid': 'a', 'x-gitlab-webhook-uuid': 'new each time' })).toBe(id);
    expect(idOf({ 'x-gitlab-event-uuid': 'b' })).not.toBe(id);
    expect(idOf({ 'x-gitlab-event-uuid': 'a' }, Buffer.from('{}'))).not.toBe(id);
    expect(idOf({ 'idempotency-key': 'k'.repeat(5000) })).toMatch(/^sha256:/);
  });

  it('no refusal tells a secret', () => {
    for (const headers of [new Headers({ 'x-gitlab-token': 'guess' }), signed()]) {
      expect(JSON.stringify(proof(headers, Buffer.from('{}'), AT * 1000))).not.toMatch(/MfKQ9r8|"one|guess/);
    }
  });
});
