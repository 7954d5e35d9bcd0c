import { describe, expect, it } from 'vitest';
import { keepCookieAtHome } from '../../src/front-door/headers.ts';
import { ask, HOST, LABEL, openWire, startApp, startDoor } from './start-door.ts';

/** An app that answers with the header fields it got. */
const mirror = () => startApp((req, res) => void res.end(JSON.stringify(req.rawHeaders)));

function fields(raw: string): Array<[string, string]> {
  const flat = JSON.parse(raw) as string[];
  return flat.flatMap((name, at) => (at % 2 === 0 ? [[name, flat[at + 1] ?? '']] : []));
}

const valuesOf = (all: Array<[string, string]>, name: string) =>
  all.filter(([n]) => n.toLowerCase() === name).map(([, v]) => v);

describe('what an app is told', () => {
  it('has the preview as Host, and where the request came from', async () => {
    const door = await startDoor();
    door.serve(await mirror());
    const got = fields((await ask(door, '/')).body);
    expect(valuesOf(got, 'host')).toEqual([HOST]);
    expect(valuesOf(got, 'x-forwarded-for')).toEqual(['127.0.0.1']);
    expect(valuesOf(got, 'x-forwarded-host')).toEqual([`${HOST}:8443`]);
    expect(valuesOf(got, 'x-forwarded-proto')).toEqual(['https']);
  });

  it('cannot be forged from outside, in whatever spelling', async () => {
    const door = await startDoor({ publicUrl: 'http://previews.test' });
    door.serve(await mirror());
    const forged = [
      'X-Forwarded-For',
      'x-forwarded-host',
      'X-FORWARDED-PROTO',
      'X-Forwarded-Prefix',
      'X-Forwarded-User',
      'Forwarded',
      'X-Real-IP',
      'X_Forwarded_For',
      'X-Forwarded_Proto',
      'X-Original-URL',
    ];
    const got = fields(
      (await ask(door, '/', { headers: Object.fromEntries(forged.map((name) => [name, 'evil'])) })).body,
    );
    expect(got.filter(([, value]) => value.includes('evil'))).toEqual([]);
    expect(valuesOf(got, 'x-forwarded-proto')).toEqual(['http']);
    expect(valuesOf(got, 'x-forwarded-host')).toEqual([HOST]);
  });

  it('cannot be taken away by naming it in Connection', async () => {
    const door = await startDoor();
    door.serve(await mirror());
    const got = fields(
      (await ask(door, '/', { headers: { Connection: 'close, x-forwarded-for, host, x-mine', 'X-Mine': '1' } })).body,
    );
    expect(valuesOf(got, 'x-forwarded-for')).toEqual(['127.0.0.1']);
    expect(valuesOf(got, 'host')).toEqual([HOST]);
    expect(valuesOf(got, 'x-mine')).toEqual([]);
  });

  it('lacks what belongs to the connection to the client, and keeps the rest with its order, case and repetitions', async () => {
    const door = await startDoor();
    door.serve(await mirror());
    const text = [
      `GET / HTTP/1.1`,
      `Host: ${HOST}`,
      'X-b: 2',
      'x-A: 1',
      'X-b: 3',
      'Keep-Alive: timeout=9',
      'Proxy-Connection: keep-alive',
      'Proxy-Authorization: Basic eA==',
      'TE: trailers',
      'Cookie: a=1',
      'Connection: close, Keep-Alive',
    ];
    const { text: answer } = await openWire(door.port, `${text.join('\r\n')}\r\n\r\n`).ended();
    const got = fields(answer.slice(answer.indexOf('['), answer.lastIndexOf(']') + 1));
    expect(got.filter(([name]) => /^(x-[ab]|cookie)$/i.test(name))).toEqual([
      ['X-b', '2'],
      ['x-A', '1'],
      ['X-b', '3'],
      ['Cookie', 'a=1'],
    ]);
    for (const name of ['keep-alive', 'proxy-connection', 'proxy-authorization', 'te'])
      expect(valuesOf(got, name)).toEqual([]);
    expect(valuesOf(got, 'connection')).toEqual(['keep-alive']);
  });
});

describe('what a client is told', () => {
  it('is what the app said, but for the fields of their connection', async () => {
    const app = await startApp((_req, res) => {
      res.writeHead(207, 'Fine So Far', [
        'X-b',
        '2',
        'x-A',
        '1',
        'X-b',
        '3',
        'Connection',
        'keep-alive, X-Gone',
        'X-Gone',
        '1',
        'Keep-Alive',
        'timeout=77',
        'Date',
        'Thu, 01 Jan 1970 00:00:00 GMT',
        'Content-Length',
        '2',
        'X-Branch-Deployment-State',
        'failed',
      ]);
      res.end('ok');
    });
    const door = await startDoor();
    door.serve(app);
    const wire = openWire(door.port, `GET / HTTP/1.1\r\nHost: ${HOST}\r\nConnection: close\r\n\r\n`);
    expect((await wire.ended()).text).toBe(
      'HTTP/1.1 207 Fine So Far\r\nX-b: 2\r\nx-A: 1\r\nX-b: 3\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok',
    );
  });

  it('does not let a cookie reach other previews or the service', async () => {
    const app = await startApp((_req, res) => {
      res.setHeader('Set-Cookie', ['session=1; Domain=previews.test; Path=/; HttpOnly', 'own=2; Path=/']);
      res.end();
    });
    const door = await startDoor();
    door.serve(app);
    expect((await ask(door, '/')).headers['set-cookie']).toEqual(['session=1; Path=/; HttpOnly', 'own=2; Path=/']);
  });

  it.each([
    ['a=1; Domain=previews.test', 'a=1'],
    ['a=1; domain = .Previews.Test ; Secure', 'a=1; Secure'],
    ['a=1; Domain=test', 'a=1'],
    ['a=1; Domain=previews.test.; Domain=x', 'a=1; Domain=x'],
    [`a=1; Domain=${HOST}`, `a=1; Domain=${HOST}`],
    ['a=1; Domain=', 'a=1; Domain='],
    ['domain=test; Path=/', 'domain=test; Path=/'],
    ['a=domain; Max-Age=3', 'a=domain; Max-Age=3'],
  ])('turns the cookie "%s" into "%s"', (cookie, expected) => {
    expect(keepCookieAtHome(cookie, HOST)).toBe(expected);
  });
});

it('a label in upper case, with a port and a trailing dot reaches the preview, whose Host is left as the client sent it', async () => {
  const door = await startDoor();
  door.serve(await mirror());
  const host = `${LABEL.toUpperCase()}.previews.test.:8443`;
  expect(valuesOf(fields((await ask(door, '/', { host })).body), 'host')).toEqual([host]);
});

it('bytes beyond ASCII in header fields pass unchanged both ways', async () => {
  const app = await startApp((req, res) => void res.setHeader('X-Back', String(req.headers['x-name'])).end());
  const door = await startDoor();
  door.serve(app);
  const { text } = await openWire(
    door.port,
    `GET / HTTP/1.1\r\nHost: ${HOST}\r\nX-Name: caf\xe9 \xff\r\nConnection: close\r\n\r\n`,
  ).ended();
  expect(text).toContain('X-Back: caf\xe9 \xff\r\n');
});
