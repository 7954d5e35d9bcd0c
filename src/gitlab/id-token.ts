import { errors, jwtVerify } from 'jose';
import type { JobClaims } from '../deployment/gitlab-facts.ts';
import { ProblemError } from '../errors.ts';
import { readClaims } from './id-token/claims.ts';
import { createDiscovery } from './id-token/discovery.ts';
import { audienceFault, claimFault, issuerFault, quoted } from './id-token/faults.ts';
import { createKeys } from './id-token/keys.ts';
import { readUnverified } from './id-token/unverified.ts';

const CLOCK_TOLERANCE_SECONDS = 30;

/** GitLab signs with RS256. A shared secret must never do: the public key would pass for one. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512'];

export interface IdTokenOptions {
  /** Base URL of GitLab; a sub-path and a trailing slash are fine. */
  readonly gitlabUrl: string;
  /** `iss` of ID tokens where it is set apart from the base URL; else what discovery says. */
  readonly issuer?: string | undefined;
  /** The service's public URL; a trailing slash makes no difference. */
  readonly audience: string;
  /** Ms since the epoch. */
  readonly now?: () => number;
  readonly fetch?: typeof fetch;
}

export interface IdTokenVerifier {
  /**
   * The claims of a job whose token is genuine, meant for this service, and valid now.
   * @throws ProblemError 401 that says what to change; 503 where GitLab's keys cannot be read.
   */
  verify(token: string): Promise<JobClaims>;
}

/** Checks ID tokens of CI/CD jobs (doc/ci/secrets/id_token_authentication.md). GitLab is asked when the first token comes. */
export function createIdTokenVerifier(options: IdTokenOptions): IdTokenVerifier {
  const now = options.now ?? Date.now;
  const discovery = createDiscovery(options.gitlabUrl, {
    issuer: options.issuer,
    now,
    fetch: options.fetch ?? fetch,
  });
  const keys = createKeys(discovery, { now, fetch: options.fetch ?? fetch });
  const audience = options.audience.replace(/\/+$/, '');

  return {
    async verify(token) {
      const unverified = readUnverified(token, ALGORITHMS);
      const { issuer } = await discovery.read();
      // Before the signature: a foreign GitLab's key is unknown, which would be true and of no help.
      if (unverified.issuer !== undefined && !sameButSlash(unverified.issuer, issuer)) {
        throw issuerFault(unverified.issuer, issuer);
      }
      const key = await keys.find(unverified.header);
      if (key === undefined) {
        throw new ProblemError(
          'token-unknown-key',
          401,
          `The ID token is signed with the key ${quoted(unverified.header.kid)}, which ${issuer} does not publish: is it a token of this GitLab?`,
        );
      }
      const { payload } = await jwtVerify(token, key, {
        algorithms: ALGORITHMS,
        issuer: [issuer, `${issuer}/`],
        audience: [audience, `${audience}/`],
        requiredClaims: ['exp'],
        currentDate: new Date(now()),
        clockTolerance: CLOCK_TOLERANCE_SECONDS,
      }).catch((error: unknown) => {
        throw toProblem(error, { audience, issuer, now: now() });
      });
      return readClaims(payload);
    },
  };
}

interface Expected {
  readonly audience: string;
  readonly issuer: string;
  readonly now: number;
}

function toProblem(error: unknown, expected: Expected): unknown {
  if (error instanceof errors.JWSSignatureVerificationFailed) {
    return new ProblemError(
      'token-signature',
      401,
      'The signature of the ID token is wrong: it was changed or cut on its way.',
    );
  }
  if (error instanceof errors.JWTExpired || error instanceof errors.JWTClaimValidationFailed) {
    if (error.claim === 'aud' && error.reason === 'check_failed')
      return audienceFault(error.payload.aud, expected.audience);
    if (error.claim === 'iss' && error.reason === 'check_failed')
      return issuerFault(error.payload.iss, expected.issuer);
    return claimFault(error.claim, error.payload, expected.now);
  }
  if (error instanceof errors.JOSEError) {
    return new ProblemError('token-malformed', 401, `The ID token cannot be read: ${error.message}.`);
  }
  return error;
}

function sameButSlash(one: string, other: string): boolean {
  return one.replace(/\/+$/, '') === other;
}
