import * as z from 'zod';
import { readOnce } from './read-once.ts';
import { keysUnreadable } from './unreadable.ts';

const document = z.object({ issuer: z.url(), jwks_uri: z.url() });

export interface Discovered {
  /** Without a slash at the end. */
  readonly issuer: string;
  readonly jwksUrl: URL;
}

export interface Discovery {
  /** @throws ProblemError 503 where GitLab's discovery document cannot be read. */
  read(): Promise<Discovered>;
}

/**
 * Reads `<GitLab>/.well-known/openid-configuration` when it is first needed, and keeps it; what fails is tried again by
 * the next token, though not at once. The keys must be served by GitLab itself, or by the issuer that the operator named:
 * the service fetches no other address that an answer names.
 */
export function createDiscovery(
  gitlabUrl: string,
  options: { issuer: string | undefined; now: () => number; fetch: typeof fetch },
): Discovery {
  const address = new URL(`${gitlabUrl.replace(/\/+$/, '')}/.well-known/openid-configuration`);
  const trusted = [address.origin, ...(options.issuer ? [new URL(options.issuer).origin] : [])];

  async function ask(): Promise<Discovered> {
    const response = await options
      .fetch(address, {
        headers: { accept: 'application/json' },
        redirect: 'manual',
        signal: AbortSignal.timeout(5_000),
      })
      .catch((error: unknown) => {
        throw keysUnreadable(address, error);
      });
    if (response.status !== 200) throw keysUnreadable(address, `it answered ${response.status}`);
    const parsed = document.safeParse(await response.json().catch(() => undefined));
    if (!parsed.success) throw keysUnreadable(address, 'it did not answer with an OpenID configuration');
    const jwksUrl = new URL(parsed.data.jwks_uri);
    if (!trusted.includes(jwksUrl.origin)) {
      throw keysUnreadable(
        address,
        `it names keys at ${jwksUrl.origin}, which is neither BD_GITLAB_URL nor BD_GITLAB_ISSUER and is not asked`,
      );
    }
    return { issuer: (options.issuer ?? parsed.data.issuer).replace(/\/+$/, ''), jwksUrl };
  }

  return { read: readOnce(ask, options.now) };
}
