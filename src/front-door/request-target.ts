import type { IncomingMessage } from 'node:http';

/**
 * The path and query that an instance is asked for, or why the request is refused.
 * Node's strict parser has already refused what could be read in two ways (Content-Length beside Transfer-Encoding, bare line
 * ends, white space before colons); what it lets through and an app might read differently from us is refused here.
 */
export function readTarget(req: IncomingMessage): { readonly path: string } | { readonly fault: string } {
  const hosts = req.rawHeaders.filter((name, at) => at % 2 === 0 && name.toLowerCase() === 'host').length;
  // RFC 9112 §3.2: a server must refuse these. Node uses the first, and an app may use the last.
  if (hosts > 1) return { fault: 'More than one Host header.' };
  const coding = req.headers['transfer-encoding'];
  // RFC 9112 §6.1. Other codings belong to the connection as well: we would have to undo them.
  if (coding !== undefined && coding.trim().toLowerCase() !== 'chunked')
    return { fault: `Transfer-Encoding "${coding}" is not supported.` };
  const target = req.url ?? '/';
  if (target.startsWith('/') || (target === '*' && req.method === 'OPTIONS')) return { path: target };
  // RFC 9112 §3.2.2: the absolute form counts more than Host, so they must agree.
  const match = /^https?:\/\/([^/?#]*)([^#]*)$/i.exec(target);
  if (match?.[1]?.toLowerCase() !== req.headers.host?.toLowerCase())
    return { fault: 'The request target and the Host header do not agree.' };
  const path = match?.[2] ?? '';
  return { path: path.startsWith('/') ? path : `/${path}` };
}
