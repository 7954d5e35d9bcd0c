import { once } from 'node:events';
import { type IncomingMessage, request, type ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { expect, it } from 'vitest';
import { ask, HOST, openWire, readAll, startApp, startDoor, waitFor } from './start-door.ts';

it('request and response stream at the same time: each piece is answered before the next is sent', async () => {
  const app = await startApp((req, res) => {
    req.on('data', (chunk: Buffer) => res.write(`<${chunk.toString()}>`));
    req.on('end', () => res.end('.'));
  });
  const door = await startDoor();
  door.serve(app);
  const wire = openWire(
    door.port,
    `POST / HTTP/1.1\r\nHost: ${HOST}\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n`,
  );
  for (const piece of ['one', 'two', 'three']) {
    wire.socket.write(`${piece.length.toString(16)}\r\n${piece}\r\n`);
    await wire.until(`<${piece}>`);
  }
  wire.socket.write('0\r\n\r\n');
  expect((await wire.ended()).text).toMatch(/\r\n0\r\n\r\n$/);
});

it('server-sent events arrive one by one, and the head before the first of them', async () => {
  let events: ServerResponse | undefined;
  const app = await startApp((_req, res) => {
    events = res;
    res.writeHead(200, { 'Content-Type': 'text/event-stream' }).flushHeaders();
  });
  const door = await startDoor();
  door.serve(app);
  const wire = openWire(door.port, `GET /events HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`);
  expect(await wire.until('\r\n\r\n')).toContain('Content-Type: text/event-stream');
  for (const event of ['data: 1', 'data: 2']) {
    events?.write(`${event}\n\n`);
    await wire.until(event);
  }
});

it('a client that reads slowly slows the app down instead of filling memory', async () => {
  let written = 0;
  let stalled = false;
  const app = await startApp((_req, res) => {
    const block = Buffer.alloc(1024 * 1024);
    const more = () => {
      while (written < 400) {
        written++;
        if (!res.write(block)) {
          stalled = true;
          res.once('drain', more);
          return;
        }
      }
      res.end();
    };
    more();
  });
  const door = await startDoor();
  door.serve(app);
  const wire = openWire(door.port);
  wire.socket.pause();
  wire.socket.write(`GET / HTTP/1.0\r\nHost: ${HOST}\r\n\r\n`);
  await waitFor('the app is told to wait', () => stalled);
  // What is under way is bounded by the buffers of four sockets; 400 MB would have gone through meanwhile.
  let before = -1;
  while (before !== written) {
    before = written;
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
  expect(written).toBeLessThan(60);
});

it('an app that reads slowly slows the client down', async () => {
  let received: IncomingMessage | undefined;
  const app = await startApp((req) => {
    received = req.pause();
  });
  const door = await startDoor();
  door.serve(app);
  let sent = 0;
  const source = Readable.from(
    (function* () {
      const block = Buffer.alloc(1024 * 1024);
      for (; sent < 400; sent++) yield block;
    })(),
  );
  const req = request({ port: door.port, host: '127.0.0.1', method: 'PUT', headers: { Host: HOST }, agent: false });
  req.on('error', () => undefined);
  source.pipe(req);
  await waitFor('the request reached the app', () => received !== undefined);
  let before = -1;
  while (before !== sent) {
    before = sent;
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
  expect(sent).toBeLessThan(60);
  req.destroy();
});

it('64 MiB go up and come back unchanged', async () => {
  const app = await startApp((req, res) => void req.pipe(res));
  const door = await startDoor();
  door.serve(app);
  const block = Buffer.from(Array.from({ length: 65_536 }, (_, at) => at % 251));
  const req = request({ port: door.port, host: '127.0.0.1', method: 'POST', headers: { Host: HOST }, agent: false });
  Readable.from(
    (function* () {
      for (let at = 0; at < 1024; at++) yield block;
    })(),
  ).pipe(req);
  const [res] = (await once(req, 'response')) as [IncomingMessage];
  let size = 0;
  let wrong = 0;
  for await (const chunk of res as AsyncIterable<Buffer>) {
    for (let at = 0; at < chunk.length; at += 4099) if (chunk[at] !== ((size + at) % 65_536) % 251) wrong++;
    size += chunk.length;
  }
  expect({ size, wrong }).toEqual({ size: 64 * 1024 * 1024, wrong: 0 });
});

it('a client that goes away ends the request at the app, and its count', async () => {
  let gone = false;
  const app = await startApp((_req, res) => {
    res.write('first');
    res.once('close', () => {
      gone = true;
    });
  });
  const door = await startDoor();
  door.serve(app);
  const wire = openWire(door.port, `GET / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`);
  await wire.until('first');
  expect(door.traffic.open('a')).toBe(1);
  wire.socket.destroy();
  await waitFor('the app sees the end', () => gone);
  await waitFor('the request is not counted any more', () => door.traffic.open('a') === 0);
});

it('a client that goes away in the middle of its upload ends the request at the app', async () => {
  let ended: 'whole' | 'cut' | undefined;
  const app = await startApp((req) => {
    req.resume();
    req.once('close', () => {
      ended = req.complete ? 'whole' : 'cut';
    });
  });
  const door = await startDoor();
  door.serve(app);
  const wire = openWire(
    door.port,
    `POST / HTTP/1.1\r\nHost: ${HOST}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n`,
  );
  await waitFor('the request is under way', () => door.traffic.open('a') === 1);
  wire.socket.destroy();
  await waitFor('the app sees the end', () => ended !== undefined);
  expect(ended).toBe('cut');
});

it.each([
  ['HEAD', 200],
  ['GET', 204],
  ['GET', 304],
])(
  'a response to %s with status %i has no body, and the connection serves the next request',
  async (method, status) => {
    const app = await startApp((req, res) => {
      if (req.url === '/next') res.end('next');
      else res.writeHead(status, status === 200 ? { 'Content-Length': 1234 } : { ETag: '"1"' }).end();
    });
    const door = await startDoor();
    door.serve(app);
    const wire = openWire(door.port, `${method} / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`);
    const head = await wire.until('\r\n\r\n');
    expect(head).toContain(status === 200 ? 'Content-Length: 1234' : 'ETag: "1"');
    wire.socket.write(`GET /next HTTP/1.1\r\nHost: ${HOST}\r\nConnection: close\r\n\r\n`);
    expect((await wire.ended()).text.slice(head.length)).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*next/);
  },
);

it('trailers pass both ways', async () => {
  const app = await startApp((req, res) => {
    req.resume().once('end', () => {
      res.writeHead(200, { Trailer: 'X-Sum', 'Transfer-Encoding': 'chunked' });
      res.write('body');
      res.addTrailers({ 'X-Sum': String(req.trailers['x-in']) });
      res.end();
    });
  });
  const door = await startDoor();
  door.serve(app);
  const wire = openWire(
    door.port,
    `POST / HTTP/1.1\r\nHost: ${HOST}\r\nConnection: close\r\nTrailer: X-In\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-In: 42\r\n\r\n`,
  );
  const { text } = await wire.ended();
  expect(text).toContain('Trailer: X-Sum');
  expect(text).toMatch(/\r\n4\r\nbody\r\n0\r\nX-Sum: 42\r\n\r\n$/);
});

it('a request that announces its body waits for the app: one goes on, the other is refused before a byte of it is sent', async () => {
  const app = await startApp(async (req, res) => void res.end(`got ${await readAll(req)}`));
  let asked = 0;
  app.server.on('checkContinue', async (req: IncomingMessage, res: ServerResponse) => {
    asked++;
    if (req.url === '/refuse') {
      res.writeHead(413, { Connection: 'close' }).end('too large');
      return;
    }
    res.writeContinue();
    res.end(`got ${await readAll(req)}`);
  });
  const door = await startDoor();
  door.serve(app);
  const head = (path: string) =>
    `PUT ${path} HTTP/1.1\r\nHost: ${HOST}\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n`;
  const wire = openWire(door.port, head('/'));
  await wire.until('HTTP/1.1 100 Continue\r\n\r\n');
  wire.socket.write('hello');
  await wire.until('got hello');
  const refused = await openWire(door.port, head('/refuse')).until('too large');
  expect(refused).toMatch(/^HTTP\/1\.1 413 /);
  expect(asked).toBe(2);
});

it('an HTTP/1.0 client gets an unchunked body', async () => {
  const app = await startApp((_req, res) => {
    res.write('one ');
    res.end('two');
  });
  const door = await startDoor();
  door.serve(app);
  const { text, reset } = await openWire(door.port, `GET / HTTP/1.0\r\nHost: ${HOST}\r\n\r\n`).ended();
  expect(text).toMatch(/\r\n\r\none two$/);
  expect(text).not.toMatch(/transfer-encoding/i);
  expect(reset).toBe(false);
});

it('requests of one client share connections to the app', async () => {
  const app = await startApp((_req, res) => void res.end('ok'));
  let connections = 0;
  app.server.on('connection', () => connections++);
  const door = await startDoor();
  door.serve(app);
  for (let at = 0; at < 10; at++) expect((await ask(door, '/')).status).toBe(200);
  expect(connections).toBe(1);
});

it("methods and paths are the client's, unusual ones too", async () => {
  const app = await startApp(
    (req, res) =>
      void res.end(
        `${req.method} ${req.url} ${req.headers['content-length'] ?? '-'} ${req.headers['transfer-encoding'] ?? '-'}`,
      ),
  );
  const door = await startDoor();
  door.serve(app);
  expect((await ask(door, '/a//b/../c?x=%2F&y=a|b"', { method: 'PROPFIND' })).body).toBe(
    'PROPFIND /a//b/../c?x=%2F&y=a|b" 0 -',
  );
  expect((await ask(door, '*', { method: 'OPTIONS' })).body).toBe('OPTIONS * - -');
  expect((await ask(door, `http://${HOST}?q=1`)).body).toBe('GET /?q=1 - -');
  expect((await ask(door, '/x', { method: 'DELETE', body: 'gone', headers: { 'Content-Length': '4' } })).body).toBe(
    'DELETE /x 4 -',
  );
});

it('closing the front door lets open requests end', async () => {
  let finish = () => {};
  const app = await startApp((_req, res) => {
    res.write('begun');
    finish = () => void res.end(' and ended');
  });
  const door = await startDoor();
  door.serve(app);
  const wire = openWire(door.port, `GET / HTTP/1.0\r\nHost: ${HOST}\r\n\r\n`);
  await wire.until('begun');
  const closed = door.door.close();
  finish();
  await closed;
  expect((await wire.ended()).text).toContain('begun and ended');
});
