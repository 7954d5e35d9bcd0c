import { createServer } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import type { FrontDoor } from '../front-door/front-door.ts';

/** Longer than what proxies in front keep connections open for (nginx: 60 s), so that none of theirs meets a closed one. */
const KEEP_ALIVE_MS = 75_000;

/** The one listener of the service: its own routes and the previews, told apart by the request's Host. */
export interface HttpServer {
  /** Rejects where the address is in use or not this machine's. */
  listen(at: {
    readonly host: string;
    readonly port: number;
  }): Promise<{ readonly host: string; readonly port: number }>;
  /** Takes no new connections; resolves when the last one has ended. */
  close(): Promise<void>;
  closeAllConnections(): void;
}

export function createHttpServer(
  app: { fetch(request: Request): Response | Promise<Response> },
  frontDoor: FrontDoor,
): HttpServer {
  const server = createServer();
  const serviceListener = getRequestListener(app.fetch);
  server.on('request', (req, res) =>
    frontDoor.isPreviewHost(req.headers.host) ? frontDoor.handle(req, res) : void serviceListener(req, res),
  );
  server.on('checkContinue', (req, res) => {
    if (frontDoor.isPreviewHost(req.headers.host)) return frontDoor.handle(req, res, { expectsContinue: true });
    res.writeContinue();
    void serviceListener(req, res);
  });
  server.on('upgrade', (req, socket, head) => {
    if (frontDoor.isPreviewHost(req.headers.host)) frontDoor.upgrade(req, socket, head);
    else socket.end('HTTP/1.1 404 Not Found\r\nconnection: close\r\n\r\n');
  });
  // Uploads take as long as they take; Node would end any request after five minutes.
  server.requestTimeout = 0;
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  return {
    listen: ({ host, port }) =>
      new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, host, () => {
          server.off('error', reject);
          const address = server.address() as { address: string; port: number };
          resolve({ host: address.address, port: address.port });
        });
      }),
    close: () => new Promise((resolve) => server.close(() => resolve())),
    closeAllConnections: () => server.closeAllConnections(),
  };
}
