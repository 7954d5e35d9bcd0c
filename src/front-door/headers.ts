import type { IncomingMessage } from 'node:http';

/** Names and values in turn, as in `IncomingMessage.rawHeaders`: keeps order, case and repeated fields. */
export type RawHeaders = string[];

/**
 * Fields that belong to one connection (RFC 9110 §7.6.1), and those that only a proxy is meant by. Framing (Content-Length,
 * Transfer-Encoding) is among them: it is written anew for each side, never copied, so that the two sides cannot
 * disagree about where a message ends.
 */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'transfer-encoding',
  'upgrade',
]);

/** What the outside must not be able to say: an app behind a proxy believes these. */
const FROM_PROXIES = new Set([
  'forwarded',
  'x-real-ip',
  'x-client-ip',
  'x-cluster-client-ip',
  'true-client-ip',
  'x-original-url',
  'x-rewrite-url',
]);

/** CGI and WSGI read `X_Forwarded_For` as `X-Forwarded-For`. */
function isFromProxies(name: string): boolean {
  const dashed = name.replaceAll('_', '-');
  return dashed.startsWith('x-forwarded-') || FROM_PROXIES.has(dashed);
}

/** Names that a message's Connection field lists: they belong to that connection as well. */
function listedInConnection(message: IncomingMessage): Set<string> {
  const listed = (message.headers.connection ?? '').toLowerCase().split(',');
  return new Set(listed.map((name) => name.trim()).filter(Boolean));
}

function* pairs(raw: readonly string[]): Generator<readonly [lower: string, name: string, value: string]> {
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = raw[at] as string;
    yield [name.toLowerCase(), name, raw[at + 1] as string];
  }
}

/** What an app is told about the way a request came. */
export interface Forwarded {
  /** Address of the peer of our listener. */
  readonly for: string;
  /** Host and port of the preview's public URL. */
  readonly host: string;
  readonly proto: 'http' | 'https';
}

/**
 * Header fields of a request as the instance gets them, without framing.
 * Host stays what the client sent: apps build links from it, and compare WebSocket origins with it.
 *
 * @param expectsContinue whether `Expect: 100-continue` is the instance's to answer; else it was answered already
 */
export function requestHeaders(
  req: IncomingMessage,
  forwarded: Forwarded,
  options: { readonly expectsContinue: boolean },
): RawHeaders {
  const listed = listedInConnection(req);
  const kept: RawHeaders = ['Host', req.headers.host ?? ''];
  for (const [lower, name, value] of pairs(req.rawHeaders)) {
    if (HOP_BY_HOP.has(lower) || listed.has(lower) || isFromProxies(lower)) continue;
    if (lower === 'host' || lower === 'content-length' || lower === 'x-branch-deployment-poll') continue;
    if (lower === 'expect' && !options.expectsContinue) continue;
    // Trailers only exist in a chunked message, and Node refuses the announcement without one.
    if (lower === 'trailer' && req.headers['transfer-encoding'] === undefined) continue;
    kept.push(name, value);
  }
  kept.push('X-Forwarded-For', forwarded.for, 'X-Forwarded-Host', forwarded.host, 'X-Forwarded-Proto', forwarded.proto);
  return kept;
}

/**
 * Header fields of an instance's response as the client gets them. Content-Length stays (HEAD and 304 carry one without a body);
 * chunking is left to the connection to the client.
 *
 * @param hostname of the preview
 * @param chunked whether the client can be sent trailers
 */
export function responseHeaders(
  answer: IncomingMessage,
  hostname: string,
  options: { readonly chunked: boolean },
): RawHeaders {
  const listed = listedInConnection(answer);
  listed.delete('content-length');
  const kept: RawHeaders = [];
  for (const [lower, name, value] of pairs(answer.rawHeaders)) {
    if (HOP_BY_HOP.has(lower) || listed.has(lower)) continue;
    if (lower === 'trailer' && !options.chunked) continue;
    // Ours alone: the waiting pages' script believes it.
    if (lower === 'x-branch-deployment-state') continue;
    kept.push(name, lower === 'set-cookie' ? keepCookieAtHome(value, hostname) : value);
  }
  return kept;
}

/** What the instance said of a body that it did not send is left out. */
const OF_THE_BODY = new Set(['content-length', 'etag', 'content-md5', 'digest', 'content-digest', 'repr-digest']);

/** Header fields of a response whose body was changed on the way: `length` is what it has now. */
export function rewrittenHeaders(headers: RawHeaders, length: number): RawHeaders {
  const kept = [...pairs(headers)]
    .filter(([lower]) => !OF_THE_BODY.has(lower))
    .flatMap(([, name, value]) => [name, value]);
  return [...kept, 'Content-Length', `${length}`];
}

/**
 * Takes `Domain` out of a cookie that would reach beyond its preview. All previews, and the service, share a parent domain: with
 * `Domain=<parent>` the code of one branch could plant cookies (sessions, CSRF tokens) in all of them. Without the attribute the
 * cookie works for the preview that set it.
 */
export function keepCookieAtHome(cookie: string, hostname: string): string {
  return cookie
    .split(';')
    .filter((attribute, at) => {
      if (at === 0) return true;
      const domain = /^\s*domain\s*=\s*\.?(.*?)\.?\s*$/i.exec(attribute)?.[1]?.toLowerCase();
      return domain === undefined || domain === '' || !hostname.endsWith(`.${domain}`);
    })
    .join(';');
}

/** Trailer fields in pairs, as `OutgoingMessage.addTrailers` takes them. */
export function trailerPairs(message: IncomingMessage): Array<[string, string]> {
  return [...pairs(message.rawTrailers)].map(([, name, value]) => [name, value]);
}
