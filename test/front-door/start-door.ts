import { createServer, type IncomingMessage, type RequestListener, request, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { onTestFinished } from 'vitest';
import type { Preview } from '../../src/deployment/preview.ts';
import { Traffic } from '../../src/deployment/traffic.ts';
import { createFrontDoor, type FrontDoor } from '../../src/front-door/front-door.ts';

export const DOMAIN = 'previews.test';
export const HOST = `mr-1-app-k7c2hq9x.${DOMAIN}`;
export const LABEL = 'mr-1-app-k7c2hq9x';

export interface App {
  readonly server: Server;
  readonly port: number;
  readonly endpoint: { readonly host: string; readonly port: number };
  stop(): Promise<void>;
}

/** An app as an instance would be: an HTTP server on loopback. */
export async function startApp(
  listener: RequestListener,
  upgrade?: (req: IncomingMessage, socket: Duplex, head: Buffer) => void,
): Promise<App> {
  const server = createServer(listener);
  if (upgrade) {
    server.on('upgrade', (req, socket, head) => {
      socket.on('error', () => undefined);
      upgrade(req, socket, head);
    });
  }
  // Node's closeAllConnections leaves out those that changed the protocol.
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  const port = await listen(server);
  const stop = () => {
    for (const socket of sockets) socket.destroy();
    return stopServer(server);
  };
  onTestFinished(stop);
  return { server, port, endpoint: { host: '127.0.0.1', port }, stop };
}

export interface Door {
  readonly door: FrontDoor;
  readonly port: number;
  readonly traffic: Traffic;
  readonly warnings: string[];
  /** What `find` gives from now on, for the one label that is known. */
  show(preview: Preview | undefined): void;
  serve(app: App, instance?: string): void;
}

/** The front door on a listener of its own, beside a stand-in for the service that answers everything else. */
export async function startDoor(options: { readonly publicUrl?: string } = {}): Promise<Door> {
  let shown: Preview | undefined;
  const traffic = new Traffic();
  const warnings: string[] = [];
  const door = createFrontDoor({
    previewDomain: DOMAIN,
    publicUrl: new URL(options.publicUrl ?? 'https://previews.test:8443'),
    find: (name) => (name === LABEL ? shown : undefined),
    traffic,
    now: () => 1_000,
    log: { warn: (fields, message) => void warnings.push(`${message}: ${String(fields.error)}`) },
  });
  const server = createServer((req, res) => {
    if (door.isPreviewHost(req.headers.host)) door.handle(req, res);
    else res.end('service');
  });
  server.on('checkContinue', (req, res) => door.handle(req, res, { expectsContinue: true }));
  server.on('upgrade', (req, socket, head) => door.upgrade(req, socket, head));
  const port = await listen(server);
  onTestFinished(async () => {
    server.closeAllConnections();
    await door.close();
    await stopServer(server);
  });
  return {
    door,
    port,
    traffic,
    warnings,
    show: (preview) => {
      shown = preview;
    },
    serve: (app, instance = 'a') => {
      shown = { state: 'serving', name: LABEL, instance, endpoint: app.endpoint };
    },
  };
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly rawHeaders: string[];
  readonly trailers: IncomingMessage['trailers'];
  readonly body: string;
}

/** One request to the front door on a connection of its own. */
export async function ask(
  door: { readonly port: number },
  path: string,
  options: {
    readonly method?: string;
    readonly headers?: Record<string, string | string[]>;
    readonly body?: string;
    readonly host?: string;
  } = {},
): Promise<Answer> {
  const { body, ...rest } = await askBytes(door, path, options);
  return { ...rest, body: body.toString() };
}

/** The same, with the body as it came. */
export async function askBytes(
  door: { readonly port: number },
  path: string,
  options: Parameters<typeof ask>[2] = {},
): Promise<Omit<Answer, 'body'> & { readonly body: Buffer }> {
  const message = await new Promise<IncomingMessage>((resolve, reject) => {
    const req = request({
      host: '127.0.0.1',
      port: door.port,
      path,
      method: options.method ?? 'GET',
      headers: { Host: options.host ?? HOST, ...options.headers },
      agent: false,
    });
    req.once('response', resolve).once('error', reject).end(options.body);
  });
  const { statusCode: status = 0, headers, rawHeaders } = message;
  return { status, headers, rawHeaders, body: await readBytes(message), trailers: message.trailers };
}

/** The whole body as text; rejects where it is cut off. */
export async function readAll(message: AsyncIterable<unknown>): Promise<string> {
  return (await readBytes(message)).toString();
}

async function readBytes(message: AsyncIterable<unknown>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

export interface Wire {
  readonly socket: Socket;
  /** Everything that came, as text. */
  received(): string;
  /** Resolves once this text came; rejects when the connection ends before. */
  until(text: string): Promise<string>;
  /** Resolves with everything once the connection is over, with how it ended in front. */
  ended(): Promise<{ readonly reset: boolean; readonly text: string }>;
}

/** A bare connection, for what an HTTP client would not send. */
export function openWire(port: number, text = ''): Wire {
  const socket = connect({ host: '127.0.0.1', port });
  let received = '';
  let reset = false;
  socket.setEncoding('latin1');
  socket.on('data', (chunk) => {
    received += chunk;
  });
  socket.on('error', () => {
    reset = true;
  });
  if (text !== '') socket.write(text, 'latin1');
  onTestFinished(() => void socket.destroy());
  return {
    socket,
    received: () => received,
    until: (wanted) =>
      new Promise((resolve, reject) => {
        const look = () => {
          if (received.includes(wanted)) resolve(received);
        };
        look();
        socket.on('data', look);
        socket.once('close', () => reject(new Error(`the connection ended before "${wanted}": ${received}`)));
      }),
    ended: () =>
      new Promise((resolve) => {
        if (socket.closed) resolve({ reset, text: received });
        else socket.once('close', () => resolve({ reset, text: received }));
      }),
  };
}

/** Waits until something holds, at most five seconds. */
export async function waitFor(what: string, holds: () => boolean): Promise<void> {
  const until = Date.now() + 5_000;
  while (!holds()) {
    if (Date.now() > until) throw new Error(`did not happen within 5 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

async function stopServer(server: Server): Promise<void> {
  if (!server.listening) return;
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeAllConnections();
  await closed;
}
