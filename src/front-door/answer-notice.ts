import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Notice } from './pages/notice.ts';
import { contentSecurityPolicy, formatNotice, renderNotice } from './pages/render-notice.ts';

/** Response header by which the waiting page's script tells our answers from the app's. */
export const STATE_HEADER = 'X-Branch-Deployment-State';

/** Answers with a notice: a page for browsers, a few lines of text for everything else. Never stored by anybody. */
export function answerNotice(req: IncomingMessage, res: ServerResponse, notice: Notice): void {
  writeNotice(req, res, notice).catch(() => res.destroy());
}

async function writeNotice(req: IncomingMessage, res: ServerResponse, notice: Notice): Promise<void> {
  const wantsPage = /\btext\/html\b/i.test(req.headers.accept ?? '');
  const nonce = randomBytes(16).toString('base64');
  const polls = req.method === 'GET';
  const body = wantsPage ? await renderNotice(notice, nonce, { polls }) : formatNotice(notice);
  if (res.headersSent || res.destroyed) return;
  res.writeHead(notice.status, {
    'Content-Type': wantsPage ? 'text/html; charset=utf-8' : 'text/plain; charset=utf-8',
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
    Vary: 'Accept',
    [STATE_HEADER]: notice.state,
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
    ...(wantsPage ? { 'Content-Security-Policy': contentSecurityPolicy(nonce) } : {}),
    ...(notice.retryAfterSeconds === undefined ? {} : { 'Retry-After': notice.retryAfterSeconds }),
  });
  res.end(body);
}

/** Tells the waiting page's script that the app is there. */
export function answerServing(res: ServerResponse): void {
  res.writeHead(204, { 'Cache-Control': 'no-store', [STATE_HEADER]: 'serving' }).end();
}

/** Refuses a request and ends the connection: what follows on it cannot be trusted either. */
export function answerFault(res: ServerResponse, status: 400 | 500, reason: string): void {
  if (res.headersSent) {
    res.destroy();
    return;
  }
  res.shouldKeepAlive = false;
  res
    .writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-store' })
    .end(`${reason}\n`);
}
