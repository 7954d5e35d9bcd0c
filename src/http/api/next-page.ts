import type { Context } from 'hono';

/**
 * A Link header (RFC 8288) to the page after, with the request's own filters.
 * @param publicUrl as callers reach the service: behind a proxy it is not what the request says
 * @param cursor the last thing on this page
 */
export function nextPage(c: Context, publicUrl: string, cursor: number): string {
  const query = new URL(c.req.url).searchParams;
  query.set('cursor', String(cursor));
  return `<${publicUrl}${c.req.path}?${query}>; rel="next"`;
}
