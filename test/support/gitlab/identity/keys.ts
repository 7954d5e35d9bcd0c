import { randomUUID } from 'node:crypto';
import {
  type CryptoKey,
  calculateJwkThumbprint,
  exportJWK,
  generateKeyPair,
  type JWK,
  type JWTPayload,
  SignJWT,
} from 'jose';
import { knowSecret } from '../../secret-search/output.ts';

export interface SigningKey {
  readonly kid: string;
  readonly privateKey: CryptoKey;
  readonly publicJwk: JWK;
}

export interface SignOptions {
  /** Default: what the claims say. */
  readonly audience?: string | readonly string[];
  readonly issuer?: string;
  /** GitLab: the job's timeout; default an hour. */
  readonly expiresInSeconds?: number;
  /** Signs with another key, for instance one that is in no key set. */
  readonly key?: SigningKey;
  readonly nowSeconds?: number;
}

/** A key that no GitLab knows. */
export async function createSigningKey(): Promise<SigningKey> {
  const { privateKey, publicKey } = await generateKeyPair('RS256', { modulusLength: 2048 });
  const jwk = await exportJWK(publicKey);
  const kid = await calculateJwkThumbprint(jwk);
  return { kid, privateKey, publicJwk: { ...jwk, kid, use: 'sig', alg: 'RS256' } };
}

/** Making a key takes long; all stand-ins of a process start with the same one, and `rotate` makes a new one. */
let firstKey: Promise<SigningKey> | null = null;

/** Keys that sign ID tokens. */
export class KeyRing {
  private keys: Promise<SigningKey[]> | null = null;

  async current(): Promise<SigningKey> {
    const [key] = await this.all();
    if (!key) throw new Error('There is no key.');
    return key;
  }

  /** What `jwks_uri` answers. */
  async publicKeys(): Promise<{ keys: JWK[] }> {
    return { keys: (await this.all()).map(({ publicJwk }) => publicJwk) };
  }

  async rotate(options: { readonly keepOld?: boolean }): Promise<void> {
    const old = options.keepOld ? await this.all() : [];
    this.keys = Promise.resolve([await createSigningKey(), ...old]);
    await this.keys;
  }

  async sign(
    claims: JWTPayload,
    options: SignOptions & { readonly issuer: string; readonly nowSeconds: number },
  ): Promise<string> {
    const key = options.key ?? (await this.current());
    const audience = options.audience ?? claims.aud;
    const payload: JWTPayload = {
      jti: randomUUID(),
      iat: options.nowSeconds,
      nbf: options.nowSeconds - 5,
      exp: options.nowSeconds + (options.expiresInSeconds ?? 3600),
      iss: options.issuer,
      ...claims,
      ...(audience !== undefined && { aud: typeof audience === 'string' ? audience : [...audience] }),
    };
    const header = { alg: 'RS256', typ: 'JWT', kid: key.kid };
    const token = await new SignJWT(payload).setProtectedHeader(header).sign(key.privateKey);
    // Of all tokens the beginning is the same, and the middle holds nothing secret.
    knowSecret('an ID token', token.slice(token.lastIndexOf('.') + 1));
    return token;
  }

  private all(): Promise<SigningKey[]> {
    firstKey ??= createSigningKey();
    this.keys ??= firstKey.then((key) => [key]);
    return this.keys;
  }
}
