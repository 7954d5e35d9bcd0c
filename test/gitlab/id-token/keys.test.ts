import { beforeAll, describe, expect, test } from 'vitest';
import { createIdTokenVerifier } from '../../../src/gitlab/id-token.ts';
import { AUDIENCE, createKey, NOW, refusalOf, type SigningKey, serveKeys, signToken } from '../signed-tokens.ts';

let key: SigningKey;
beforeAll(async () => {
  key = await createKey('one');
});

describe('keys', () => {
  test('are read once, however many tokens come at once', async () => {
    const { verifier, issuer, reads, received } = await serveKeys([key]);
    const token = await signToken(key, { iss: issuer });
    await Promise.all(Array.from({ length: 20 }, () => verifier.verify(token)));
    expect(reads()).toBe(1);
    expect(received).toHaveLength(2);
  });

  test('are read again when GitLab signs with a new one', async () => {
    const { verifier, issuer, reads, served } = await serveKeys([key]);
    await verifier.verify(await signToken(key, { iss: issuer }));
    const next = await createKey('next');
    served.keys = [next];
    served.clock = NOW + 61_000;
    const tokens = await Promise.all([1, 2, 3].map(() => signToken(next, { iss: issuer })));
    await Promise.all(tokens.map((token) => verifier.verify(token)));
    expect(reads()).toBe(2);
    expect((await refusalOf(verifier.verify(await signToken(key, { iss: issuer }))))[0]).toBe('token-unknown-key');
  });

  test('are read at most once a minute, whatever keys the tokens name', async () => {
    const { verifier, issuer, reads, served } = await serveKeys([key]);
    const strange = await createKey('strange');
    for (let second = 0; second < 180; second += 5) {
      served.clock = NOW + second * 1000;
      const token = await signToken({ ...strange, kid: `k${second}` }, { iss: issuer });
      expect((await refusalOf(verifier.verify(token)))[0]).toBe('token-unknown-key');
    }
    expect(reads()).toBe(3);
  });

  test('go on serving while GitLab is away, and a key that is unknown then is not the fault of the job', async () => {
    const { verifier, issuer, reads, served } = await serveKeys([key]);
    const token = await signToken(key, { iss: issuer, exp: NOW / 1000 + 90_000 });
    await verifier.verify(token);
    served.keysAnswer = { status: 502, text: '' };
    served.clock = NOW + 3_700_000;
    expect(await verifier.verify(token)).toMatchObject({ jobId: 900 });
    const next = await signToken(await createKey('next'), { iss: issuer, exp: NOW / 1000 + 90_000 });
    expect((await refusalOf(verifier.verify(next))).slice(0, 2)).toEqual(['gitlab-keys-unreadable', 503]);
    expect(reads()).toBe(2);
    served.clock = NOW + 87_000_000;
    expect((await refusalOf(verifier.verify(token))).slice(0, 2)).toEqual(['gitlab-keys-unreadable', 503]);
  });

  test('that GitLab no longer publishes stop serving within the hour', async () => {
    const { verifier, issuer, served } = await serveKeys([key]);
    const token = await signToken(key, { iss: issuer, exp: NOW / 1000 + 9_000 });
    await verifier.verify(token);
    served.keys = [await createKey('next')];
    served.clock = NOW + 3_600_000;
    expect((await refusalOf(verifier.verify(token)))[0]).toBe('token-unknown-key');
  });

  test("that are no keys are GitLab's fault, said so", async () => {
    const { verifier, issuer, served } = await serveKeys([key]);
    served.keysAnswer = { text: '<html>' };
    expect(await refusalOf(verifier.verify(await signToken(key, { iss: issuer })))).toEqual([
      'gitlab-keys-unreadable',
      503,
      `This service cannot check ID tokens now: ${issuer}/oauth/discovery/keys: Failed to parse the JSON Web Key Set HTTP response as JSON. Try again later.`,
    ]);
  });
});

describe('discovery', () => {
  test('that fails is tried again, though not at once', async () => {
    const { verifier, issuer, received, served } = await serveKeys([key]);
    const token = await signToken(key, { iss: issuer });
    served.discovery = { issuer: 7 };
    for (let n = 0; n < 5; n += 1) {
      expect(await refusalOf(verifier.verify(token))).toEqual([
        'gitlab-keys-unreadable',
        503,
        `This service cannot check ID tokens now: ${issuer}/.well-known/openid-configuration: it did not answer with an OpenID configuration. Try again later.`,
      ]);
    }
    expect(received).toHaveLength(1);
    served.discovery = {};
    served.clock = NOW + 5_000;
    expect(await verifier.verify(token)).toMatchObject({ jobId: 900 });
  });

  test('cannot send the service to another host for keys', async () => {
    const { verifier, issuer, served, reads } = await serveKeys([key]);
    const other = await serveKeys([key]);
    served.discovery = { jwks_uri: `${other.issuer}/oauth/discovery/keys` };
    expect((await refusalOf(verifier.verify(await signToken(key, { iss: issuer }))))[2]).toBe(
      `This service cannot check ID tokens now: ${issuer}/.well-known/openid-configuration: it names keys at ${new URL(other.issuer).origin}, which is neither BD_GITLAB_URL nor BD_GITLAB_ISSUER and is not asked. Try again later.`,
    );
    expect(reads() + other.reads()).toBe(0);
  });

  test('may name keys at the issuer that the operator set', async () => {
    const other = await serveKeys([key]);
    const { verifier, served } = await serveKeys([key], { issuer: `${other.issuer}/` });
    served.discovery = { jwks_uri: `${other.issuer}/oauth/discovery/keys` };
    expect(await verifier.verify(await signToken(key, { iss: other.issuer }))).toMatchObject({ jobId: 900 });
  });

  test('is not needed to make a verifier, and a GitLab that is away is 503', async () => {
    const verifier = createIdTokenVerifier({ gitlabUrl: 'http://127.0.0.1:1', audience: AUDIENCE });
    const [type, status, message] = await refusalOf(
      verifier.verify(await signToken(key, { iss: 'http://127.0.0.1:1' })),
    );
    expect([type, status]).toEqual(['gitlab-keys-unreadable', 503]);
    expect(message).toMatch(
      /^This service cannot check ID tokens now: http:\/\/127\.0\.0\.1:1\/\.well-known\/openid-configuration: .+\. Try again later\.$/,
    );
  });
});
