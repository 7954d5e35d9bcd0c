import { SignJWT, UnsecuredJWT } from 'jose';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  AUDIENCE,
  createKey,
  jobClaims,
  NOW,
  refusalOf,
  type SigningKey,
  serveKeys,
  signToken,
} from './signed-tokens.ts';

let key: SigningKey;
beforeAll(async () => {
  key = await createKey('one');
});

describe('a genuine token', () => {
  test('gives the claims as numbers and booleans', async () => {
    const { verifier, issuer } = await serveKeys([key]);
    expect(await verifier.verify(await signToken(key, { iss: issuer }))).toEqual({
      jobId: 900,
      pipelineId: 800,
      pipelineSource: 'merge_request_event',
      runningProjectId: 7,
      projectId: 7,
      projectPath: 'group/project',
      ref: 'feature',
      refProtected: false,
      sha: 'a'.repeat(40),
      userLogin: 'ada',
      environment: 'review/mr-2',
      environmentAction: 'start',
    });
  });

  test('of an older GitLab, without job_project_id, runs in its project', async () => {
    const { verifier, issuer } = await serveKeys([key]);
    const claims = { iss: issuer, job_project_id: undefined, environment: undefined, environment_action: undefined };
    expect(await verifier.verify(await signToken(key, claims))).toMatchObject({
      runningProjectId: 7,
      environment: null,
      environmentAction: null,
    });
  });

  test('of a fork whose pipeline runs in the parent names both projects', async () => {
    const { verifier, issuer } = await serveKeys([key]);
    const token = await signToken(key, { iss: issuer, project_id: '70', job_project_id: '7', ref_protected: 'true' });
    expect(await verifier.verify(token)).toMatchObject({ projectId: 70, runningProjectId: 7, refProtected: true });
  });

  test('may write the audience with a slash, or among others', async () => {
    const { verifier, issuer } = await serveKeys([key]);
    for (const aud of [AUDIENCE, `${AUDIENCE}/`, ['https://vault.example.com', AUDIENCE]]) {
      expect(await verifier.verify(await signToken(key, { iss: issuer, aud }))).toMatchObject({ jobId: 900 });
    }
  });

  test('may be half a minute off the clock', async () => {
    const { verifier, issuer, served } = await serveKeys([key]);
    const token = await signToken(key, { iss: issuer });
    for (served.clock of [NOW - 30_000, NOW + 925_000])
      expect(await verifier.verify(token)).toMatchObject({ jobId: 900 });
  });

  test('of an issuer that is set apart is taken where the operator says so', async () => {
    const { verifier } = await serveKeys([key], { issuer: 'https://tokens.example.com' });
    expect(await verifier.verify(await signToken(key, { iss: 'https://tokens.example.com' }))).toMatchObject({
      jobId: 900,
    });
  });
});

describe('a token that is refused', () => {
  test.each([
    ['', "No ID token was sent. The job needs `id_tokens:` with this service's URL as `aud`."],
    [
      '$BRANCH_TOKEN',
      'A variable was sent unexpanded instead of an ID token: the job has no `id_tokens:` entry of that name.',
    ],
    [
      'glpat-secret',
      "What was sent is not an ID token: it is no JSON Web Token. The job needs `id_tokens:` with this service's URL as `aud`.",
    ],
    [
      'a.b.c',
      "What was sent is not an ID token: it is no JSON Web Token. The job needs `id_tokens:` with this service's URL as `aud`.",
    ],
  ])('%j is no token at all', async (token, message) => {
    const { verifier, received } = await serveKeys([key]);
    expect(await refusalOf(verifier.verify(token))).toEqual(['token-malformed', 401, message]);
    expect(received).toEqual([]);
  });

  test('an unsigned one', async () => {
    const { verifier, issuer } = await serveKeys([key]);
    const token = new UnsecuredJWT({ ...jobClaims, iss: issuer, aud: AUDIENCE }).setExpirationTime('1h').encode();
    expect(await refusalOf(verifier.verify(token))).toEqual([
      'token-unsigned',
      401,
      'The ID token is not signed. Only tokens that GitLab signed are accepted.',
    ]);
  });

  test('one whose signature was taken off', async () => {
    const { verifier, issuer } = await serveKeys([key]);
    const token = (await signToken(key, { iss: issuer })).replace(/[^.]+$/, '');
    expect((await refusalOf(verifier.verify(token)))[0]).toBe('token-unsigned');
  });

  test('one that is signed with the public key as a shared secret', async () => {
    const { verifier, issuer } = await serveKeys([key]);
    const token = await new SignJWT({ ...jobClaims, iss: issuer, aud: AUDIENCE })
      .setProtectedHeader({ alg: 'HS256', kid: key.kid })
      .setExpirationTime('1h')
      .sign(Buffer.from(JSON.stringify(key.jwk)));
    expect(await refusalOf(verifier.verify(token))).toEqual([
      'token-algorithm',
      401,
      'The ID token is signed with "HS256". Only signatures with a public key, as GitLab makes them (RS256), are accepted.',
    ]);
  });

  test('one of a key that GitLab does not publish', async () => {
    const { verifier, issuer } = await serveKeys([key]);
    const token = await signToken(await createKey('other'), { iss: issuer });
    expect(await refusalOf(verifier.verify(token))).toEqual([
      'token-unknown-key',
      401,
      `The ID token is signed with the key "other", which ${issuer} does not publish: is it a token of this GitLab?`,
    ]);
  });

  test('one that names no key', async () => {
    const { verifier, issuer } = await serveKeys([key]);
    expect(await refusalOf(verifier.verify(await signToken(key, { iss: issuer }, { kid: undefined })))).toEqual([
      'token-unknown-key',
      401,
      'The ID token does not name the key that signed it (`kid`), as those of GitLab do.',
    ]);
  });

  test('one that somebody else signed under the name of a known key', async () => {
    const { verifier, issuer } = await serveKeys([key]);
    const token = await signToken({ ...(await createKey('x')), kid: key.kid }, { iss: issuer });
    expect(await refusalOf(verifier.verify(token))).toEqual([
      'token-signature',
      401,
      'The signature of the ID token is wrong: it was changed or cut on its way.',
    ]);
  });

  test('one with a changed claim', async () => {
    const { verifier, issuer } = await serveKeys([key]);
    const [header, , signature] = (await signToken(key, { iss: issuer })).split('.');
    const [, payload] = (await signToken(key, { iss: issuer, project_id: '8' })).split('.');
    expect((await refusalOf(verifier.verify(`${header}.${payload}.${signature}`)))[0]).toBe('token-signature');
  });

  test('one that expired', async () => {
    const { verifier, issuer, served } = await serveKeys([key]);
    const token = await signToken(key, { iss: issuer });
    served.clock = NOW + 931_000;
    expect(await refusalOf(verifier.verify(token))).toEqual([
      'token-expired',
      401,
      'The ID token expired at 2026-01-01T00:15:00Z; the job ran longer than its timeout allows, or its token was kept for later. Run the job again.',
    ]);
  });

  test('one from the future', async () => {
    const { verifier, issuer, served } = await serveKeys([key]);
    served.clock = NOW - 60_000;
    expect(await refusalOf(verifier.verify(await signToken(key, { iss: issuer })))).toEqual([
      'token-not-yet-valid',
      401,
      "The ID token is not valid before 2025-12-31T23:59:55Z, and this service's clock says 2025-12-31T23:59:00Z: one of the two clocks is wrong.",
    ]);
  });

  test('one of another GitLab, without asking for keys', async () => {
    const { verifier, issuer, reads } = await serveKeys([key]);
    const token = await signToken(await createKey('foreign'), { iss: 'https://gitlab.com' });
    expect(await refusalOf(verifier.verify(token))).toEqual([
      'token-issuer',
      401,
      `The ID token is from "https://gitlab.com", but this service takes tokens from "${issuer}" only. If both are the same GitLab, set BD_GITLAB_ISSUER of the service to the first.`,
    ]);
    expect(reads()).toBe(0);
  });

  test('one for another service', async () => {
    const { verifier, issuer } = await serveKeys([key]);
    expect(
      await refusalOf(verifier.verify(await signToken(key, { iss: issuer, aud: 'https://vault.example.com' }))),
    ).toEqual([
      'token-audience',
      401,
      `The ID token is meant for "https://vault.example.com", but this service is "${AUDIENCE}". Set the component's input service_url to ${AUDIENCE}, or BD_PUBLIC_URL of the service to what the input says.`,
    ]);
  });

  test('one whose audience holds ours as a part only', async () => {
    const { verifier, issuer } = await serveKeys([key]);
    const token = await signToken(key, { iss: issuer, aud: `${AUDIENCE}.evil.example` });
    expect((await refusalOf(verifier.verify(token)))[0]).toBe('token-audience');
  });

  test.each([
    'exp',
    'aud',
    'iss',
    'job_id',
    'pipeline_id',
    'pipeline_source',
    'project_id',
    'ref',
    'ref_protected',
    'sha',
  ])('one without %s', async (claim) => {
    const { verifier, issuer } = await serveKeys([key]);
    expect(await refusalOf(verifier.verify(await signToken(key, { iss: issuer, [claim]: undefined })))).toEqual([
      'token-claims',
      401,
      `The ID token lacks ${claim} in the form that GitLab documents. Is it an ID token of a CI/CD job, and GitLab at least 16.5?`,
    ]);
  });

  test.each(['0', '-1', '7.5', '7x', '', '99999999999999999999', 7.5, true])(
    'one with the project id %j',
    async (id) => {
      const { verifier, issuer } = await serveKeys([key]);
      const token = await signToken(key, { iss: issuer, project_id: id });
      expect((await refusalOf(verifier.verify(token)))[2]).toContain('lacks project_id');
    },
  );

  test('one whose claims would break the log they are quoted in', async () => {
    const { verifier } = await serveKeys([key]);
    const token = await signToken(key, { iss: `https://x/\n\u001b[31m\u202e${'y'.repeat(500)}` });
    const [, , message] = await refusalOf(verifier.verify(token));
    expect(message).toMatch(/^[\x20-\x7e…]+$/);
    expect(message.length).toBeLessThan(500);
  });
});
