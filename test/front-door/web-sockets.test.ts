import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { type App, ask, type Door, HOST, openWire, startApp, startDoor, waitFor } from './start-door.ts';

/** An app that sends back what it gets, with the subprotocol of Dagster's UI. */
async function startEcho(): Promise<App & { readonly sockets: WebSocketServer }> {
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: 64 * 1024 * 1024,
    handleProtocols: (offered) => (offered.has('graphql-ws') ? 'graphql-ws' : false),
  });
  const app = await startApp(
    (_req, res) => void res.end('http'),
    (req, socket, head) =>
      sockets.handleUpgrade(req, socket, head, (ws) => {
        sockets.emit('connection', ws, req);
        ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary }));
      }),
  );
  return { ...app, sockets };
}

function openWebSocket(door: Door, path = '/graphql', protocols: string[] = []): WebSocket {
  const ws = new WebSocket(`ws://127.0.0.1:${door.port}${path}`, protocols, {
    headers: { Host: HOST },
    origin: `https://${HOST}:8443`,
    maxPayload: 64 * 1024 * 1024,
  });
  ws.on('error', () => undefined);
  onTestFinished(() => ws.terminate());
  return ws;
}

async function echo(ws: WebSocket, data: string | Buffer): Promise<{ data: Buffer; isBinary: boolean }> {
  const answer = once(ws, 'message');
  ws.send(data);
  const [message, isBinary] = await answer;
  return { data: message as Buffer, isBinary: isBinary as boolean };
}

it('a WebSocket passes with subprotocol, text, binary and large messages', async () => {
  const app = await startEcho();
  const seen: Array<[string | undefined, unknown, unknown]> = [];
  app.sockets.on('connection', (_ws, req) =>
    seen.push([req.url, req.headers.origin, req.headers['x-forwarded-proto']]),
  );
  const door = await startDoor();
  door.serve(app);
  const ws = openWebSocket(door, '/graphql?x=1', ['graphql-transport-ws', 'graphql-ws']);
  await once(ws, 'open');
  expect(ws.protocol).toBe('graphql-ws');
  expect(seen).toEqual([['/graphql?x=1', `https://${HOST}:8443`, 'https']]);
  expect((await echo(ws, 'hello')).data.toString()).toBe('hello');
  const binary = await echo(ws, Buffer.from([0, 255, 128]));
  expect(binary).toEqual({ data: Buffer.from([0, 255, 128]), isBinary: true });
  const large = Buffer.alloc(16 * 1024 * 1024, 7);
  expect((await echo(ws, large)).data.equals(large)).toBe(true);
  const closed = once(ws, 'close');
  ws.close(1000, 'bye');
  expect(await closed).toEqual([1000, Buffer.from('bye')]);
});

it('a message that the app sends with the handshake, and one that the client does not wait with, arrive', async () => {
  const app = await startEcho();
  app.sockets.on('connection', (ws) => ws.send('welcome'));
  const door = await startDoor();
  door.serve(app);
  const ws = openWebSocket(door);
  const [first] = await once(ws, 'message');
  expect(String(first)).toBe('welcome');

  // A masked text frame "hi" right behind the handshake, in one packet.
  const frame = `${String.fromCharCode(0x81, 0x82, 0, 0, 0, 0)}hi`;
  const wire = openWire(door.port, `${handshake()}${frame}`);
  await wire.until(`${String.fromCharCode(0x81, 2)}hi`);
});

it('an open WebSocket is not counted as a request, and ends with its instance', async () => {
  const app = await startEcho();
  const door = await startDoor();
  door.serve(app, 'old');
  const ws = openWebSocket(door);
  await once(ws, 'open');
  expect(door.traffic.open('old')).toBe(0);
  expect(door.traffic.lastRequestAt('old')).toBe(1_000);

  const next = await startEcho();
  door.serve(next, 'new');
  const other = openWebSocket(door);
  await once(other, 'open');
  const gone = once(ws, 'close');
  door.door.closeWebSockets('old');
  expect((await gone)[0]).toBe(1006);
  expect((await echo(other, 'still here')).data.toString()).toBe('still here');
  await waitFor('the app sees the end', () => app.sockets.clients.size === 0);
});

it('a WebSocket whose app dies is over for the client, and one whose client dies for the app', async () => {
  const app = await startEcho();
  const door = await startDoor();
  door.serve(app);
  const ws = openWebSocket(door);
  await once(ws, 'open');
  const gone = once(ws, 'close');
  for (const socket of app.sockets.clients) socket.terminate();
  expect((await gone)[0]).toBe(1006);

  const other = openWebSocket(door);
  await once(other, 'open');
  await waitFor('the app has it', () => app.sockets.clients.size === 1);
  other.terminate();
  await waitFor('the app sees the end', () => app.sockets.clients.size === 0);
});

it('the end of one direction leaves the other open', async () => {
  const app = await startApp(
    () => undefined,
    (_req, socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
      let got = '';
      socket.on('data', (chunk) => {
        got += String(chunk);
      });
      socket.on('end', () => socket.end(`after the end: ${got}`));
    },
  );
  const door = await startDoor();
  door.serve(app);
  const wire = openWire(door.port, handshake());
  await wire.until('\r\n\r\n');
  wire.socket.end('last words');
  expect((await wire.ended()).text).toContain('after the end: last words');
});

it('a reader that stops reading holds the writer back', async () => {
  let sent = 0;
  const app = await startApp(
    () => undefined,
    (_req, socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
      const more = () => {
        while (sent < 400) {
          sent++;
          if (!socket.write(Buffer.alloc(1024 * 1024))) return void socket.once('drain', more);
        }
      };
      more();
    },
  );
  const door = await startDoor();
  door.serve(app);
  const wire = openWire(door.port);
  wire.socket.pause();
  wire.socket.write(handshake());
  await waitFor('the app sends', () => sent > 0);
  let before = -1;
  while (before !== sent) {
    before = sent;
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
  expect(sent).toBeLessThan(60);
});

it('an app that refuses is heard, and no second request slips past the front door on that connection', async () => {
  const urls: string[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      urls.push(...(String(chunk).match(/(?<=^GET )\S+/gm) ?? []));
      socket.write('HTTP/1.1 403 Forbidden\r\nX-Why: no\r\nContent-Length: 2\r\n\r\nno');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const door = await startDoor();
  const { port } = server.address() as { port: number };
  door.show({ state: 'serving', name: 'x', instance: 'a', endpoint: { host: '127.0.0.1', port } });
  const wire = openWire(
    door.port,
    `${handshake()}GET /hidden HTTP/1.1\r\nHost: ${HOST}\r\nX-Forwarded-User: root\r\n\r\n`,
  );
  const { text } = await wire.ended();
  expect(text).toMatch(/^HTTP\/1\.1 403 Forbidden\r\nX-Why: no\r\n[\s\S]*Connection: close\r\n\r\nno$/);
  expect(urls).toEqual(['/ws']);
});

it.each([
  ['starting', 503],
  ['stopped', 410],
  ['unknown', 404],
  ['unreachable', 502],
] as const)('a WebSocket to a preview that is %s is refused with %i', async (state, status) => {
  const door = await startDoor();
  if (state === 'unreachable') {
    const app = await startEcho();
    door.serve(app);
    await app.stop();
  } else if (state !== 'unknown') {
    door.show({
      state,
      name: 'x',
      title: 'group/project !7',
      mergeRequestUrl: 'https://gitlab.test/7',
      message: 'So it is.',
      log: [],
    });
  }
  const [, answer] = (await once(openWebSocket(door), 'unexpected-response')) as [unknown, { statusCode: number }];
  expect(answer.statusCode).toBe(status);
  expect(door.traffic.open('a')).toBe(0);
});

it('a request that offers another protocol is answered as the plain request that it also is', async () => {
  const app = await startEcho();
  const door = await startDoor();
  door.serve(app);
  const h2c = { Connection: 'Upgrade, HTTP2-Settings', Upgrade: 'h2c', 'HTTP2-Settings': 'AAMAAABk' };
  expect(await ask(door, '/', { headers: h2c })).toMatchObject({ status: 200, body: 'http' });
  await waitFor('it is not counted any more', () => door.traffic.open('a') === 0);
  expect(
    (await ask(door, '/', { headers: { ...h2c, 'Content-Length': '2' }, method: 'POST', body: 'xy' })).status,
  ).toBe(400);
});

it('closing the front door ends its WebSockets', async () => {
  const app = await startEcho();
  const door = await startDoor();
  door.serve(app);
  const ws = openWebSocket(door);
  await once(ws, 'open');
  const gone = once(ws, 'close');
  await door.door.close();
  expect((await gone)[0]).toBe(1006);
});

function handshake(): string {
  return `GET /ws HTTP/1.1\r\nHost: ${HOST}\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`;
}
