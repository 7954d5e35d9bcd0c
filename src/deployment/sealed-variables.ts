import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto';

/** A CI/CD variable that a job hands over. */
export interface HandedVariable {
  readonly name: string;
  readonly value: string;
  /** Whether the app gets a file's path, with the value in the file. */
  readonly file: boolean;
}

/** One key of `BD_SECRET_KEY`, made ready for sealing. */
export interface SealingKey {
  /** Says which key sealed something; tells nothing about the key. */
  readonly id: string;
  readonly key: Uint8Array;
}

/** What is sealed cannot be opened; the message says what to change and holds no value. */
export class SealError extends Error {
  override readonly name = 'SealError';
  readonly reason: 'no-key' | 'unknown-key' | 'damaged';

  constructor(reason: SealError['reason'], message: string) {
    super(message);
    this.reason = reason;
  }
}

const VERSION = 'v1';
const CIPHER = 'aes-256-gcm';
/** NIST SP 800-38D: 96 random bits are good for 2^32 messages of one key. */
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/**
 * The keys in the order of the setting: the first seals, all open. The same setting signs cookies, so a key of its own is derived for
 * this use (RFC 5869).
 * @param secrets 32 bytes each, in base64
 */
export function sealingKeys(secrets: readonly string[]): SealingKey[] {
  return secrets.map((secret) => {
    const key = new Uint8Array(hkdfSync('sha256', Buffer.from(secret, 'base64'), '', 'seal variables', 32));
    return { id: createHash('sha256').update('key id').update(key).digest('hex').slice(0, 12), key };
  });
}

/**
 * Seals variables for one deployment (AES-256-GCM): the text opens only for the same deployment's name.
 * @throws {SealError} where there is no key
 */
export function sealVariables(
  variables: readonly HandedVariable[],
  { keys, deployment }: { readonly keys: readonly SealingKey[]; readonly deployment: string },
): string {
  const [first] = keys;
  if (!first) throw noKey(deployment);
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, first.key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(associatedData(first.id, deployment));
  const sealed = Buffer.concat([nonce, cipher.update(JSON.stringify(variables), 'utf8'), cipher.final()]);
  return [VERSION, first.id, Buffer.concat([sealed, cipher.getAuthTag()]).toString('base64url')].join('.');
}

/**
 * Opens what `sealVariables` made for this deployment, with whichever of the keys sealed it.
 * @throws {SealError} where the key is not among them, or the text was changed or is another deployment's
 */
export function openVariables(
  text: string,
  { keys, deployment }: { readonly keys: readonly SealingKey[]; readonly deployment: string },
): HandedVariable[] {
  if (keys.length === 0) throw noKey(deployment);
  const [version, id, body, ...more] = text.split('.');
  if (version !== VERSION || id === undefined || body === undefined || more.length > 0) throw damaged(deployment);
  const bytes = Buffer.from(body, 'base64url');
  // Node skips what is no base64: only the one spelling that was written is taken.
  if (bytes.toString('base64url') !== body || bytes.length < NONCE_BYTES + TAG_BYTES) throw damaged(deployment);
  const key = keys.find((one) => one.id === id);
  if (!key)
    throw new SealError(
      'unknown-key',
      `The variables of ${deployment} were sealed with a key (id ${id}) that BD_SECRET_KEY does not hold. Add that key again behind the ` +
        'new one (BD_SECRET_KEY=<new>,<old>), or run the deploy job again: it hands them over anew.',
    );
  try {
    const decipher = createDecipheriv(CIPHER, key.key, bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
    decipher.setAAD(associatedData(id, deployment));
    decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
    const opened = [decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()];
    return JSON.parse(Buffer.concat(opened).toString('utf8')) as HandedVariable[];
  } catch {
    throw damaged(deployment);
  }
}

function associatedData(keyId: string, deployment: string): Buffer {
  return Buffer.from(JSON.stringify(['variables', VERSION, keyId, deployment]));
}

function noKey(deployment: string): SealError {
  return new SealError(
    'no-key',
    `Variables of ${deployment} need the setting BD_SECRET_KEY, and it is not set. Set it to the output of: openssl rand -base64 32`,
  );
}

function damaged(deployment: string): SealError {
  return new SealError(
    'damaged',
    `The stored variables of ${deployment} are damaged, or were sealed for another deployment. Run the deploy job again: it hands them over anew.`,
  );
}
