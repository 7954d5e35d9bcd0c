import { expect, it } from 'vitest';
import { HOST, openWire, startApp, startDoor } from './start-door.ts';

it.each([
  [
    'Content-Length beside Transfer-Encoding',
    `POST / HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /hidden HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`,
  ],
  ['two Content-Lengths', `POST / HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcde`],
  ['a Content-Length that is a list', `POST / HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: 4, 4\r\n\r\nabcd`],
  ['a Content-Length with a sign', `POST / HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: +4\r\n\r\nabcd`],
  [
    'another coding than chunked',
    `POST / HTTP/1.1\r\nHost: ${HOST}\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
  ],
  [
    'chunked written twice',
    `POST / HTTP/1.1\r\nHost: ${HOST}\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  ],
  [
    'chunked that is not last',
    `POST / HTTP/1.1\r\nHost: ${HOST}\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`,
  ],
  ['white space before a colon', `POST / HTTP/1.1\r\nHost: ${HOST}\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n`],
  ['a folded header', `GET / HTTP/1.1\r\nHost: ${HOST}\r\nX-A: 1\r\n Transfer-Encoding: chunked\r\n\r\n`],
  ['bare line feeds', `GET / HTTP/1.1\nHost: ${HOST}\n\n`],
  ['a bare carriage return', `GET / HTTP/1.1\r\nHost: ${HOST}\r\nX-A: 1\rX-B: 2\r\n\r\n`],
  ['two Hosts', `GET / HTTP/1.1\r\nHost: ${HOST}\r\nHost: other.previews.test\r\n\r\n`],
  ['a target with another host', `GET http://other.previews.test/ HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`],
  [
    'a chunk with a wrong end',
    `POST / HTTP/1.1\r\nHost: ${HOST}\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcdef\r\n0\r\n\r\n`,
  ],
  ['a header beyond the limit', `GET / HTTP/1.1\r\nHost: ${HOST}\r\nX-A: ${'a'.repeat(20_000)}\r\n\r\n`],
])('%s is refused, ends the connection, and reaches no app as a whole request', async (_what, text) => {
  const whole: string[] = [];
  const app = await startApp((req, res) => {
    req.on('error', () => undefined);
    req.resume().once('end', () => {
      if (req.complete) whole.push(req.url ?? '');
      res.end('seen');
    });
  });
  const door = await startDoor();
  door.serve(app);
  const ended = await openWire(door.port, text).ended();
  expect(ended.text === '' || /^HTTP\/1\.1 4(00|31) /.test(ended.text), ended.text).toBe(true);
  expect(whole).toEqual([]);
});

it('a Connection field that names Content-Length does not hide a second request in a body', async () => {
  const seen: string[] = [];
  const app = await startApp((req, res) => {
    seen.push(req.url ?? '');
    req.resume().once('end', () => res.end('ok'));
  });
  const door = await startDoor();
  door.serve(app);
  const hidden = `GET /hidden HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`;
  const wire = openWire(
    door.port,
    `POST /open HTTP/1.1\r\nHost: ${HOST}\r\nConnection: close, Content-Length, Transfer-Encoding\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}`,
  );
  expect((await wire.ended()).text).toMatch(/^HTTP\/1\.1 200 /);
  expect(seen).toEqual(['/open']);
});
