import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:http';
import { expect, it } from 'vitest';
import { HOST, readAll, startApp, startDoor, waitFor } from './start-door.ts';

it('no request fails while instances are replaced: fast and slow ones, reads and writes, on kept connections', async () => {
  const door = await startDoor();
  const startRevision = (revision: number) =>
    startApp(async (req, res) => {
      const body = await readAll(req);
      res.write(`${revision} `);
      if (req.url === '/slow') await new Promise((resolve) => setTimeout(resolve, 60));
      res.end(body);
    });
  let revision = 0;
  let app = await startRevision(revision);
  door.serve(app, 'r0');
  const client = new Agent({ keepAlive: true });
  const failures: string[] = [];
  const served = new Map<string, number>();
  let over = false;

  const send = async (method: string, path: string) => {
    const body = method === 'POST' ? 'x'.repeat(20_000) : '';
    const req = request({ host: '127.0.0.1', port: door.port, path, method, headers: { Host: HOST }, agent: client });
    const answered = once(req, 'response') as Promise<[IncomingMessage]>;
    req.end(body);
    const [res] = await answered;
    const [by = '', echoed] = (await readAll(res)).split(' ');
    if (res.statusCode !== 200 || echoed !== body) failures.push(`${method} ${path}: ${res.statusCode}`);
    served.set(by, (served.get(by) ?? 0) + 1);
  };
  const loop = async (method: string, path: string) => {
    while (!over)
      await send(method, path).catch((error: unknown) => failures.push(`${method} ${path}: ${String(error)}`));
  };
  const loops = [
    loop('GET', '/'),
    loop('GET', '/'),
    loop('POST', '/'),
    loop('POST', '/'),
    loop('GET', '/slow'),
    loop('POST', '/slow'),
  ];

  for (revision = 1; revision <= 12; revision++) {
    const old = app;
    const before = served.get(String(revision - 1)) ?? 0;
    await waitFor('the running revision serves', () => (served.get(String(revision - 1)) ?? 0) > before + 10);
    app = await startRevision(revision);
    door.serve(app, `r${revision}`);
    await waitFor('the old revision has nothing left to do', () => door.traffic.open(`r${revision - 1}`) === 0);
    // At once and with its connections, as a process that is killed.
    await old.stop();
  }
  over = true;
  await Promise.all(loops);
  client.destroy();
  expect(failures).toEqual([]);
  expect(served.size).toBeGreaterThanOrEqual(12);
});
