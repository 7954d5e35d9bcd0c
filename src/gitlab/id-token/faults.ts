import type { JWTPayload } from 'jose';
import { ProblemError } from '../../errors.ts';

/** A value out of a token for a message: in quotes, short, on one line, and in plain characters. */
export function quoted(value: unknown): string {
  const text = JSON.stringify(value) ?? 'none';
  const plain = text.replaceAll(/[^\x20-\x7e]/g, '?');
  return plain.length > 200 ? `${plain.slice(0, 200)}…` : plain;
}

/** The token is of another GitLab, or this service knows its own by another name. */
export function issuerFault(found: unknown, expected: string): ProblemError {
  return new ProblemError(
    'token-issuer',
    401,
    `The ID token is from ${quoted(found)}, but this service takes tokens from ${quoted(expected)} only. ` +
      'If both are the same GitLab, set BD_GITLAB_ISSUER of the service to the first.',
  );
}

/** The token is meant for somebody else: the usual slip in setting the component up. */
export function audienceFault(found: unknown, expected: string): ProblemError {
  return new ProblemError(
    'token-audience',
    401,
    `The ID token is meant for ${quoted(found)}, but this service is ${quoted(expected)}. ` +
      `Set the component's input service_url to ${expected}, or BD_PUBLIC_URL of the service to what the input says.`,
  );
}

/** Any other claim that jose finds wanting. */
export function claimFault(claim: string, payload: JWTPayload, now: number): ProblemError {
  const { exp, nbf } = payload;
  if (claim === 'exp' && typeof exp === 'number') {
    return new ProblemError(
      'token-expired',
      401,
      `The ID token expired at ${isoTime(exp)}; the job ran longer than its timeout allows, or its token was kept for later. Run the job again.`,
    );
  }
  if (claim === 'nbf' && typeof nbf === 'number') {
    return new ProblemError(
      'token-not-yet-valid',
      401,
      `The ID token is not valid before ${isoTime(nbf)}, and this service's clock says ${isoTime(now / 1000)}: one of the two clocks is wrong.`,
    );
  }
  return claimsFault([claim]);
}

/** Claims that are missing or of the wrong form. */
export function claimsFault(claims: readonly string[]): ProblemError {
  return new ProblemError(
    'token-claims',
    401,
    `The ID token lacks ${claims.join(', ')} in the form that GitLab documents. Is it an ID token of a CI/CD job, and GitLab at least 16.5?`,
  );
}

/** Whole seconds; a time that no calendar has stays a number. */
function isoTime(seconds: number): string {
  const time = new Date(Math.floor(seconds) * 1000);
  return Number.isNaN(time.getTime()) ? String(seconds) : time.toISOString().replace('.000Z', 'Z');
}
