import { exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from 'jose';
import { ProblemError } from '../../src/errors.ts';
import { createIdTokenVerifier, type IdTokenOptions } from '../../src/gitlab/id-token.ts';
import { failureOf } from './connect.ts';
import { type Script, startScripted } from './scripted-gitlab.ts';

export const AUDIENCE = 'https://previews.example.com';
/** Ms since the epoch: 2026-01-01T00:00:00Z. */
export const NOW = 1_767_225_600_000;

/** A key pair, as GitLab publishes and uses one. */
export async function createKey(kid: string) {
  const { publicKey, privateKey } = await generateKeyPair('RS256');
  const jwk: JWK = { ...(await exportJWK(publicKey)), kid, use: 'sig', alg: 'RS256' };
  return { kid, jwk, privateKey };
}

export type SigningKey = Awaited<ReturnType<typeof createKey>>;

/** Custom claims as GitLab sends them: ids and booleans are strings. */
export const jobClaims = {
  job_id: '900',
  pipeline_id: '800',
  pipeline_source: 'merge_request_event',
  project_id: '7',
  project_path: 'group/project',
  job_project_id: '7',
  ref: 'feature',
  ref_type: 'branch',
  ref_protected: 'false',
  sha: 'a'.repeat(40),
  user_login: 'ada',
  user_id: '5',
  runner_id: 1,
  environment: 'review/mr-2',
  environment_action: 'start',
};

/** A token of the job, good at `NOW` but for what is overridden; `undefined` leaves a claim out. */
export async function signToken(key: SigningKey, claims: JWTPayload, header: object = {}): Promise<string> {
  const seconds = NOW / 1000;
  const usual = { aud: AUDIENCE, iat: seconds, nbf: seconds - 5, exp: seconds + 900, jti: 'j', sub: 'project_path:x' };
  return new SignJWT({ ...jobClaims, ...usual, ...claims })
    .setProtectedHeader({ alg: 'RS256', kid: key.kid, typ: 'JWT', ...header })
    .sign(key.privateKey);
}

/** GitLab's discovery and keys under `/gitlab`, and a verifier that knows nothing else; both can be changed while it runs. */
export async function serveKeys(keys: SigningKey[], options: Partial<IdTokenOptions> = {}) {
  const served = { keys, clock: NOW, discovery: {} as object, keysAnswer: undefined as ReturnType<Script> | undefined };
  const server = await startScripted(({ url }) => {
    if (url === '/gitlab/.well-known/openid-configuration') {
      return { json: { issuer, jwks_uri: `${issuer}/oauth/discovery/keys`, ...served.discovery } };
    }
    if (url !== '/gitlab/oauth/discovery/keys') return { status: 404, json: {} };
    return served.keysAnswer ?? { json: { keys: served.keys.map(({ jwk }) => jwk) } };
  });
  const issuer = `${server.url}/gitlab`;
  const verifier = createIdTokenVerifier({
    gitlabUrl: `${issuer}/`,
    audience: `${AUDIENCE}/`,
    now: () => served.clock,
    ...options,
  });
  const reads = () => server.received.filter(({ url }) => url.endsWith('/keys')).length;
  return { served, issuer, verifier, reads, received: server.received };
}

/** What a door would answer. */
export async function refusalOf(call: Promise<unknown>): Promise<[string, number, string]> {
  const error = await failureOf(call);
  if (!(error instanceof ProblemError)) throw error;
  return [error.type, error.status, error.message];
}
