import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { ask, HOST, openWire, startApp, startDoor, waitFor } from './start-door.ts';

const GET = `GET / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`;

it.each([
  ['chunked', {}],
  ['counted', { 'Content-Length': 100 }],
])('a %s response that the app breaks off is broken off for the client too', async (_what, headers) => {
  const app = await startApp((_req, res) => {
    res.writeHead(200, headers);
    res.write('half', () => setTimeout(() => res.socket?.resetAndDestroy(), 20));
  });
  const door = await startDoor();
  door.serve(app);
  const { text } = await openWire(door.port, GET).ended();
  expect(text).toContain('half');
  expect(text).not.toContain('\r\n0\r\n\r\n');
  await waitFor('it is not counted any more', () => door.traffic.open('a') === 0);
  await expect(ask(door, '/')).rejects.toThrow('aborted');
});

it('a response that the app breaks off is a reset for an HTTP/1.0 client, which has no other sign', async () => {
  const app = await startApp((_req, res) => {
    res.write('half', () => setTimeout(() => res.socket?.resetAndDestroy(), 20));
  });
  const door = await startDoor();
  door.serve(app);
  expect((await openWire(door.port, `GET / HTTP/1.0\r\nHost: ${HOST}\r\n\r\n`).ended()).reset).toBe(true);
});

it('a response without a length that ends with the connection is whole', async () => {
  const server = createServer((socket) => {
    socket.once('data', () => socket.end('HTTP/1.0 200 OK\r\n\r\nall of it'));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const door = await startDoor();
  const { port } = server.address() as { port: number };
  door.show({ state: 'serving', name: 'x', instance: 'a', endpoint: { host: '127.0.0.1', port } });
  expect(await ask(door, '/')).toMatchObject({ status: 200, body: 'all of it' });
  server.close();
});

it('an app that is not there is a 502 in plain text for programs', async () => {
  const app = await startApp(() => undefined);
  const door = await startDoor();
  door.serve(app);
  await app.stop();
  for (const method of ['GET', 'POST']) {
    const answer = await ask(door, '/', { method, ...(method === 'POST' ? { body: 'x'.repeat(100_000) } : {}) });
    expect(answer).toMatchObject({
      status: 502,
      headers: {
        'content-type': 'text/plain; charset=utf-8',
        'retry-after': '2',
        'x-branch-deployment-state': 'unreachable',
      },
    });
    expect(answer.body).toMatch(/^No answer from the app: /);
  }
  await waitFor('it is not counted any more', () => door.traffic.open('a') === 0);
  expect(door.warnings[0]).toContain('ECONNREFUSED');
});

it.each([
  ['closes the connection', ''],
  ['speaks no HTTP', 'SSH-2.0-OpenSSH_9.2\r\n'],
  ['switches protocols unasked', 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n'],
  [
    'sends a response in two framings',
    'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  ],
  ['answers with a status that does not exist', 'HTTP/1.1 000 X\r\nContent-Length: 9\r\n\r\n'],
  ['sends an endless head', `HTTP/1.1 200 OK\r\nX-A: ${'a'.repeat(70_000)}\r\n\r\n`],
])('an app that %s instead of answering is a 502', async (_what, reply) => {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.end(reply));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const door = await startDoor();
  const { port } = server.address() as { port: number };
  door.show({ state: 'serving', name: 'x', instance: 'a', endpoint: { host: '127.0.0.1', port } });
  expect((await ask(door, '/')).status).toBe(502);
  await waitFor('it is not counted any more', () => door.traffic.open('a') === 0);
  server.close();
});

it('a kept connection that the app closed meanwhile costs nothing: what is safe to repeat is sent once more', async () => {
  let answered = 0;
  // Reads the second request of each connection, and closes without a word: what a client sees whose request met the closing.
  const server = createServer((socket) => {
    let requests = 0;
    socket.on('error', () => undefined);
    socket.on('data', () => {
      requests++;
      if (requests > 1) socket.resetAndDestroy();
      else {
        answered++;
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const door = await startDoor();
  const { port } = server.address() as { port: number };
  door.show({ state: 'serving', name: 'x', instance: 'a', endpoint: { host: '127.0.0.1', port } });
  expect((await ask(door, '/')).status).toBe(200);
  expect((await ask(door, '/')).status).toBe(200);
  expect(answered).toBe(2);
  expect((await ask(door, '/')).status).toBe(200);
  // It may have been acted on: RFC 9110 §9.2.2 forbids a proxy to send it twice.
  expect((await ask(door, '/', { method: 'POST', body: 'never twice' })).status).toBe(502);
  expect(answered).toBe(3);
  server.close();
});

it('a response before the end of the upload reaches the client, whose upload does not hang', async () => {
  const app = await startApp((_req, res) => {
    res.writeHead(413, { Connection: 'close' }).end('too large', () => setTimeout(() => res.socket?.destroy(), 50));
  });
  const door = await startDoor();
  door.serve(app);
  const wire = openWire(door.port, `POST / HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: ${32 * 1024 * 1024}\r\n\r\n`);
  await wire.until('too large');
  wire.socket.write(Buffer.alloc(32 * 1024 * 1024));
  wire.socket.write(`GET /next HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`);
  await waitFor(
    'the next request on the connection is answered',
    () => wire.received().split('HTTP/1.1 413 ').length === 3,
  );
});

it('a lookup that fails is a 500 for its request alone', async () => {
  const door = await startDoor();
  const app = await startApp((_req, res) => void res.end('ok'));
  door.show({
    state: 'serving',
    name: 'x',
    instance: 'a',
    get endpoint(): never {
      throw new Error('database is locked');
    },
  });
  expect(await ask(door, '/')).toMatchObject({ status: 500, body: 'The request could not be handled.\n' });
  await waitFor('it is not counted any more', () => door.traffic.open('a') === 0);
  door.serve(app);
  expect((await ask(door, '/')).status).toBe(200);
});

it('an app that does not take connections is given up after five seconds', async () => {
  // A stopped process whose queue of waiting connections is full: the kernel answers no further ones.
  const app = spawn(process.execPath, [
    '-e',
    "const s = require('net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => console.log(s.address().port))",
  ]);
  onTestFinished(() => void app.kill('SIGKILL'));
  const port = Number(String((await once(app.stdout, 'data'))[0]));
  app.kill('SIGSTOP');
  for (let waiting = 0; waiting < 8; waiting++) {
    const socket = connect({ host: '127.0.0.1', port });
    socket.on('error', () => undefined);
    onTestFinished(() => void socket.destroy());
    if (waiting < 2) await once(socket, 'connect');
  }
  const door = await startDoor();
  door.show({ state: 'serving', name: 'x', instance: 'a', endpoint: { host: '127.0.0.1', port } });
  const before = performance.now();
  expect((await ask(door, '/')).status).toBe(502);
  expect(performance.now() - before).toBeGreaterThan(4_900);
  expect(door.warnings).toEqual(['an instance gave no response: no connection after 5000 ms']);
});
