import { createRemoteJWKSet, customFetch, errors, type JWTHeaderParameters } from 'jose';
import type { Discovery } from './discovery.ts';
import { readOnce } from './read-once.ts';
import { keysUnreadable } from './unreadable.ts';

/** Keys are re-read for an unknown `kid` at most this often, whoever asks and however it ends. */
const REREAD_MS = 60_000;
/** Known keys are re-read after this time, so that a withdrawn one goes. */
const FRESH_MS = 3_600_000;
/** While GitLab does not answer, keys serve this long: a job that follows its log must not break off. */
const KEPT_MS = 24 * 3_600_000;

type RemoteKeys = ReturnType<typeof createRemoteJWKSet>;
type Key = Awaited<ReturnType<RemoteKeys>>;

export interface Keys {
  /** The key that a token names; undefined where GitLab publishes none such. @throws ProblemError 503 where the keys cannot be read. */
  find(header: JWTHeaderParameters): Promise<Key | undefined>;
}

/** GitLab's public keys. jose's own ages are switched off: they follow the system's clock and do not slow down failures. */
export function createKeys(discovery: Discovery, options: { now: () => number; fetch: typeof fetch }): Keys {
  const { now } = options;
  let askedAt = Number.NEGATIVE_INFINITY;
  let readAt = Number.NEGATIVE_INFINITY;
  let reading: Promise<void> | undefined;
  let fault: unknown;

  const open = readOnce(async () => {
    const { jwksUrl } = await discovery.read();
    const set = createRemoteJWKSet(jwksUrl, {
      cooldownDuration: Number.POSITIVE_INFINITY,
      cacheMaxAge: Number.POSITIVE_INFINITY,
      [customFetch]: options.fetch,
    });
    await reload(set, jwksUrl);
    return { set, jwksUrl };
  }, now);

  /** Those who come while it runs wait for the same answer. */
  async function reload(set: RemoteKeys, jwksUrl: URL): Promise<void> {
    askedAt = now();
    reading ??= set
      .reload()
      .then(() => {
        readAt = now();
        fault = undefined;
      })
      .catch((error: unknown) => {
        fault = keysUnreadable(jwksUrl, error);
        throw fault;
      })
      .finally(() => {
        reading = undefined;
      });
    await reading;
  }

  return {
    async find(header) {
      const { set, jwksUrl } = await open();
      const mayAsk = () => reading !== undefined || now() - askedAt >= REREAD_MS;
      if (now() - readAt >= FRESH_MS && mayAsk()) {
        await reload(set, jwksUrl).catch((error: unknown) => {
          if (now() - readAt >= KEPT_MS) throw error;
        });
      }
      const known = await pick(set, jwksUrl, header);
      if (known !== undefined) return known;
      if (mayAsk()) await reload(set, jwksUrl);
      // The last re-read failed and the next is not due: the key may well be there, so the job must come back.
      else if (fault !== undefined) throw fault;
      return pick(set, jwksUrl, header);
    },
  };
}

async function pick(set: RemoteKeys, jwksUrl: URL, header: JWTHeaderParameters): Promise<Key | undefined> {
  try {
    return await set(header);
  } catch (error) {
    if (error instanceof errors.JWKSNoMatchingKey) return undefined;
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw keysUnreadable(jwksUrl, error);
    // GitLab's `kid` is the key's thumbprint: two of the same name are the same key, published twice.
    for await (const key of error) return key;
    return undefined;
  }
}
