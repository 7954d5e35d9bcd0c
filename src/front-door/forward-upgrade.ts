import { type IncomingMessage, request, ServerResponse } from 'node:http';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { limitConnecting, MAX_RESPONSE_HEADER_BYTES } from './forward-request.ts';
import { type RawHeaders, responseHeaders } from './headers.ts';
import { joinSockets, type WebSockets } from './web-sockets.ts';

/**
 * Sends a WebSocket handshake on and joins the two connections once the instance agrees (101). Any other response is relayed as an
 * HTTP answer and ends the connection: were it left joined, the client could write further requests past the front door.
 *
 * @param res answers on the client's socket where there is no WebSocket
 * @param handshakeEnded called once, when the handshake has an answer or is lost
 */
export function forwardUpgrade(
  req: IncomingMessage,
  client: Duplex,
  head: Buffer,
  options: {
    readonly endpoint: { readonly host: string; readonly port: number };
    readonly instance: string;
    readonly path: string;
    readonly headers: RawHeaders;
    readonly hostname: string;
    readonly webSockets: WebSockets;
    readonly res: ServerResponse;
    readonly handshakeEnded: () => void;
    readonly fail: (error: Error) => void;
  },
): void {
  const { res } = options;
  const upstream = request({
    ...options.endpoint,
    method: 'GET',
    path: options.path,
    headers: [...options.headers, 'Connection', 'Upgrade', 'Upgrade', 'websocket'],
    // Half-open, as the client's side is: the end of one direction must not cut the other.
    createConnection: () => connect({ ...options.endpoint, allowHalfOpen: true }),
    maxHeaderSize: MAX_RESPONSE_HEADER_BYTES,
  });
  let answered = false;
  const end = () => {
    upstream.destroy();
    client.destroy();
  };
  const forget = options.webSockets.add(options.instance, end);
  client.once('close', () => {
    forget();
    options.handshakeEnded();
    upstream.destroy();
  });
  limitConnecting(upstream);
  const broken = (error: Error) => {
    if (answered || client.destroyed) return;
    answered = true;
    options.handshakeEnded();
    options.fail(error);
  };
  upstream.on('error', broken);
  upstream.once('close', () => broken(new Error('the instance closed the connection without a response')));
  upstream.once('upgrade', (answer, socket, upstreamHead) => {
    answered = true;
    options.handshakeEnded();
    if (client.destroyed) {
      socket.destroy();
      return;
    }
    res.detachSocket(req.socket);
    const fields = [
      ...responseHeaders(answer, options.hostname, { chunked: false }),
      'Connection',
      'Upgrade',
      'Upgrade',
      'websocket',
    ];
    client.write(`HTTP/1.1 101 Switching Protocols\r\n${headLines(fields)}\r\n`, 'latin1');
    if (upstreamHead.length > 0) client.write(upstreamHead);
    if (head.length > 0) socket.write(head);
    joinSockets(client, socket);
  });
  upstream.once('response', (answer) => {
    answered = true;
    options.handshakeEnded();
    answer.on('error', () => undefined);
    try {
      const fields = responseHeaders(answer, options.hostname, { chunked: false });
      res.writeHead(answer.statusCode ?? 502, answer.statusMessage, fields);
    } catch (error) {
      // A status like 000 is taken by Node's parser and refused by its writer.
      upstream.destroy();
      options.fail(error as Error);
      return;
    }
    answer.once('close', () => {
      if (!answer.complete) client.destroy();
    });
    answer.pipe(res);
  });
  upstream.end();
}

function headLines(fields: RawHeaders): string {
  let lines = '';
  for (let at = 0; at + 1 < fields.length; at += 2) lines += `${fields[at]}: ${fields[at + 1]}\r\n`;
  return lines;
}

/** A response on a socket that Node's server has handed over with an `upgrade` event: it is the last one there. */
export function responseOnSocket(req: IncomingMessage, client: Duplex): ServerResponse {
  const res = new ServerResponse(req);
  res.shouldKeepAlive = false;
  res.assignSocket(req.socket);
  res.once('finish', () => {
    res.detachSocket(req.socket);
    res.emit('close');
    client.end();
    // What a client still sends has no reader any more; unread, it would turn the end into a reset that can eat the response.
    client.resume();
    setTimeout(() => client.destroy(), 5_000).unref();
  });
  client.on('error', () => client.destroy());
  return res;
}
