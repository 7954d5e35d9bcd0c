import { createServer } from 'node:net';
import fc from 'fast-check';
import { expect, it, onTestFinished } from 'vitest';
import { ask, HOST, LABEL, openWire, startApp, startDoor, waitFor } from './start-door.ts';

const PIECES = [
  'HTTP/1.1 ',
  '200',
  '000',
  '099',
  '101',
  '103',
  '204',
  '999',
  ' OK',
  '\r\n',
  '\r\n\r\n',
  '\n',
  'Content-Length: 3',
  'Content-Length: 0',
  'Transfer-Encoding: chunked',
  'Trailer: X-A',
  'X-A: 1',
  'Connection: Upgrade',
  'Connection: close, x-a',
  'Upgrade: websocket',
  'Upgrade: h2c',
  'Keep-Alive: timeout=0',
  'Set-Cookie: a; Domain=',
  'Date: x',
  'GET / HTTP/1.1',
  'POST http://x/ HTTP/1.0',
  'CONNECT a:1 HTTP/1.1',
  `Host: ${HOST}`,
  'Expect: 100-continue',
  '3\r\nabc\r\n',
  '0\r\n',
  'abc',
  '\u0000',
  '\u00ff',
  ': ',
  ' ',
] as const;
const bytes = fc.array(fc.constantFrom(...PIECES), { maxLength: 14 }).map((pieces) => pieces.join(''));
const parts = [
  fc.constantFrom('', 'HTTP/1.1 200 OK\r\n', 'HTTP/1.1 101 X\r\nConnection: Upgrade\r\n', 'HTTP/1.1 000 X\r\n'),
  bytes,
] as const;
const REQUESTS = [
  'GET / HTTP/1.1',
  'HEAD / HTTP/1.0',
  'POST / HTTP/1.1\r\nContent-Length: 3',
  'GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket',
];

it('whatever an app answers, the client is left with an end, and the next request is served', async () => {
  let reply = '';
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.end(reply, 'latin1'));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as { port: number };
  const door = await startDoor();
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...REQUESTS), ...parts, async (request, start, rest) => {
      reply = start + rest;
      door.show({ state: 'serving', name: LABEL, instance: 'a', endpoint: { host: '127.0.0.1', port } });
      const wire = openWire(door.port, `${request}\r\nHost: ${HOST}\r\n\r\nabc`);
      wire.socket.end();
      await wire.ended();
    }),
    { numRuns: 400 },
  );
  await waitFor('no request is counted any more', () => door.traffic.open('a') === 0);
  door.serve(await startApp((_req, res) => void res.end('ok')));
  expect((await ask(door, '/')).body).toBe('ok');
});

it('whatever a client sends, the next one is served', async () => {
  const app = await startApp((req, res) => void req.pipe(res));
  const door = await startDoor();
  door.serve(app);
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(
        '',
        `GET / HTTP/1.1\r\nHost: ${HOST}\r\n`,
        `POST / HTTP/1.1\r\nHost: ${HOST}\r\nTransfer-Encoding: chunked\r\n`,
      ),
      bytes,
      async (start, rest) => {
        const wire = openWire(door.port, start + rest);
        wire.socket.end();
        await wire.ended();
      },
    ),
    { numRuns: 400 },
  );
  await waitFor('no request is counted any more', () => door.traffic.open('a') === 0);
  expect((await ask(door, '/', { method: 'POST', body: 'ok' })).body).toBe('ok');
});
