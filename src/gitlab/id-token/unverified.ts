import { decodeJwt, decodeProtectedHeader, type JWTHeaderParameters } from 'jose';
import { ProblemError } from '../../errors.ts';
import { quoted } from './faults.ts';

/** What a token says of itself: good for choosing the key and for messages, never believed. */
export interface Unverified {
  readonly header: JWTHeaderParameters;
  readonly issuer: string | undefined;
}

/**
 * Reads a token's header and issuer without checking anything but its form and its algorithm.
 * @throws ProblemError 401 where it is no JWT, unsigned, or signed with a shared secret.
 */
export function readUnverified(token: string, algorithms: readonly string[]): Unverified {
  const unsigned = token.split('.').length === 3 && token.endsWith('.');
  let header: JWTHeaderParameters;
  let issuer: unknown;
  try {
    header = decodeProtectedHeader(token) as JWTHeaderParameters;
    issuer = decodeJwt(token).iss;
  } catch {
    throw new ProblemError('token-malformed', 401, malformedMessage(token));
  }
  if (unsigned || typeof header.alg !== 'string' || header.alg.toLowerCase() === 'none') {
    throw new ProblemError(
      'token-unsigned',
      401,
      'The ID token is not signed. Only tokens that GitLab signed are accepted.',
    );
  }
  if (!algorithms.includes(header.alg)) {
    throw new ProblemError(
      'token-algorithm',
      401,
      `The ID token is signed with ${quoted(header.alg)}. Only signatures with a public key, as GitLab makes them (RS256), are accepted.`,
    );
  }
  if (typeof header.kid !== 'string') {
    throw new ProblemError(
      'token-unknown-key',
      401,
      'The ID token does not name the key that signed it (`kid`), as those of GitLab do.',
    );
  }
  return { header, issuer: typeof issuer === 'string' ? issuer : undefined };
}

/** The token itself is never quoted: it may be another secret, sent by mistake. */
function malformedMessage(token: string): string {
  if (token === '') return "No ID token was sent. The job needs `id_tokens:` with this service's URL as `aud`.";
  if (/^\$\{?\w+\}?$/.test(token)) {
    return 'A variable was sent unexpanded instead of an ID token: the job has no `id_tokens:` entry of that name.';
  }
  return "What was sent is not an ID token: it is no JSON Web Token. The job needs `id_tokens:` with this service's URL as `aud`.";
}
