import { type Agent, type ClientRequest, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { Badges } from '../deployment/badges.ts';
import { type HeldAnswers, mayCarryBadges } from './badges/hold-answer.ts';
import { type RawHeaders, responseHeaders, rewrittenHeaders, trailerPairs } from './headers.ts';

/** How long an instance may take to accept a connection. What it does afterwards has no limit: previews stream. */
export const CONNECT_TIMEOUT_MS = 5_000;

/** Larger than Node's 16 KiB: apps with many cookies, policies or links are not ours to refuse. */
export const MAX_RESPONSE_HEADER_BYTES = 65_536;

const REPEATABLE = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);
const USUALLY_WITHOUT_BODY = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'DELETE']);

/**
 * Sends one request on and relays the response, streaming both ways.
 *
 * - The client goes away: the request to the instance is given up.
 * - The instance breaks off: the client's connection is cut, so that it never takes a part for the whole.
 * - A kept connection turns out to be closed: the request is sent once more on a new one, if it has no body, is idempotent
 *   (RFC 9110 §9.2.2) and nothing of a response arrived.
 *
 * @param headers for the instance, without framing
 * @param fail called instead of a response, when the instance gave none; the client still waits for one
 */
export function forwardRequest(
  req: IncomingMessage,
  res: ServerResponse,
  options: {
    readonly endpoint: { readonly host: string; readonly port: number };
    readonly path: string;
    readonly headers: RawHeaders;
    readonly hostname: string;
    readonly agent: Agent;
    readonly fail: (error: Error) => void;
    /** What the preview's Dagster is to be told of its changes; asked for answers that may carry it. */
    readonly badges: () => Badges | undefined;
    readonly heldAnswers: HeldAnswers;
  },
): void {
  const hasBody = req.headers['transfer-encoding'] !== undefined || Number(req.headers['content-length'] ?? 0) > 0;
  const headers = [...options.headers, ...framing(req)];
  let refused = false;
  send(options.agent);

  function send(agent: Agent | false): void {
    let answer: IncomingMessage | undefined;
    let readBefore = 0;
    let over = false;
    const upstream = request({
      ...options.endpoint,
      method: req.method ?? 'GET',
      path: options.path,
      headers,
      agent,
      maxHeaderSize: MAX_RESPONSE_HEADER_BYTES,
    });
    limitConnecting(upstream);
    upstream.once('socket', (socket) => {
      readBefore = socket.bytesRead;
    });
    upstream.once('continue', () => {
      if (!res.headersSent) res.writeContinue();
    });
    upstream.once('response', (message) => {
      answer = message;
      relay(message, upstream);
    });
    upstream.on('error', broken);
    upstream.once('close', () => broken(new Error('the instance closed the connection without a response')));

    const clientGone = () => {
      if (!res.writableFinished) upstream.destroy();
    };
    res.once('close', clientGone);
    if (!hasBody) upstream.end();
    else sendBody(upstream);

    function broken(error: Error): void {
      if (over) return;
      over = true;
      if (answer) {
        // The instance answered before it had read everything: the rest is of no use to anybody.
        if (!req.complete) discard(req, upstream);
        return;
      }
      if (res.closed || res.destroyed) return;
      const nothingCame = (upstream.socket?.bytesRead ?? 0) === readBefore;
      if (upstream.reusedSocket && nothingCame && !hasBody && REPEATABLE.has(req.method ?? '')) {
        res.off('close', clientGone);
        send(false);
        return;
      }
      discard(req, upstream);
      options.fail(error);
    }
  }

  function sendBody(upstream: ClientRequest): void {
    req.once('end', () => {
      if (req.rawTrailers.length > 0) upstream.addTrailers(trailerPairs(req));
    });
    req.once('close', () => {
      if (!req.complete) upstream.destroy();
    });
    req.on('error', () => upstream.destroy());
    req.pipe(upstream);
    // The head must not wait for a body that may wait for an answer to the head; a body that is there already shares its packet.
    setImmediate(() => {
      if (!req.readableDidRead && !upstream.writableEnded && !upstream.destroyed) upstream.flushHeaders();
    });
  }

  function relay(answer: IncomingMessage, upstream: ClientRequest): void {
    answer.on('error', () => {
      if (!refused) cutOff(req, res);
    });
    answer.once('close', () => {
      if (!answer.complete && !refused) cutOff(req, res);
    });
    const badges = mayCarryBadges(req, answer) ? options.badges() : undefined;
    if (!badges) {
      if (writeHead(answer, upstream)) relayBody(answer);
      return;
    }
    options.heldAnswers.hold(answer, badges, ({ body, isWhole, isFilled }) => {
      if (res.destroyed || !writeHead(answer, upstream, isFilled ? body : undefined)) return;
      if (!isWhole) {
        res.write(body);
        relayBody(answer);
        return;
      }
      if (!isFilled) addTrailers(answer);
      res.end(body);
    });
  }

  /** @param rewritten the whole body, where it is not the instance's */
  function writeHead(answer: IncomingMessage, upstream: ClientRequest, rewritten?: Buffer): boolean {
    const headers = responseHeaders(answer, options.hostname, { chunked: isChunked(answer) });
    try {
      res.writeHead(
        answer.statusCode ?? 502,
        answer.statusMessage,
        rewritten ? rewrittenHeaders(headers, rewritten.length) : headers,
      );
      return true;
    } catch (error) {
      // A status like 000 is taken by Node's parser and refused by its writer.
      refused = true;
      upstream.destroy();
      options.fail(error as Error);
      return false;
    }
  }

  function relayBody(answer: IncomingMessage): void {
    answer.once('end', () => addTrailers(answer));
    answer.pipe(res);
    // As above: a head without a body yet (events, long work) goes out at once, one with a body in the same packet.
    setImmediate(() => {
      if (!answer.readableDidRead && !res.writableEnded && !res.destroyed) res.flushHeaders();
    });
  }

  function addTrailers(answer: IncomingMessage): void {
    if (isChunked(answer) && answer.complete && answer.rawTrailers.length > 0) res.addTrailers(trailerPairs(answer));
  }

  function isChunked(answer: IncomingMessage): boolean {
    return answer.headers['transfer-encoding'] !== undefined && req.httpVersion !== '1.0' && req.method !== 'HEAD';
  }
}

function framing(req: IncomingMessage): RawHeaders {
  if (req.headers['transfer-encoding'] !== undefined) return ['Transfer-Encoding', 'chunked'];
  const length = req.headers['content-length'];
  if (length !== undefined) return ['Content-Length', length];
  return USUALLY_WITHOUT_BODY.has(req.method ?? '') ? [] : ['Content-Length', '0'];
}

/** Ends an attempt whose connection is not accepted in time. */
export function limitConnecting(upstream: ClientRequest): void {
  upstream.once('socket', (socket) => {
    if (!socket.connecting) return;
    const timer = setTimeout(
      () => upstream.destroy(new Error(`no connection after ${CONNECT_TIMEOUT_MS} ms`)),
      CONNECT_TIMEOUT_MS,
    );
    const clear = () => clearTimeout(timer);
    socket.once('connect', clear);
    socket.once('close', clear);
  });
}

/** Reads what a client still sends to nowhere, so that it gets to reading its response. */
function discard(req: IncomingMessage, upstream: ClientRequest): void {
  req.unpipe(upstream);
  req.resume();
}

/** An HTTP/1.0 body may end with the connection: only a reset tells such a client that it is not whole. */
function cutOff(req: IncomingMessage, res: ServerResponse): void {
  if (res.writableFinished || res.destroyed) return;
  if (req.httpVersion === '1.0') req.socket.resetAndDestroy();
  else res.destroy();
}
