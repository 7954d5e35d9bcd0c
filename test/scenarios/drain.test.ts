import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { processesNaming } from '../runtimes/process-facts.ts';
import { makeArchive } from '../store/bundles/archives.ts';
import type { MergeRequest } from '../support/gitlab/state.ts';
import { until } from '../support/poll.ts';
import { buildService, ServiceProcess } from '../support/service-process.ts';
import { openWorld, type World } from '../support/world.ts';
import { CiDoor } from './ci-door.ts';

/** Accepts any upgrade, and answers `/slow` after a minute. */
const app = `import { createServer } from 'node:http';
const server = createServer((req, res) => {
  if (req.url === '/slow') return setTimeout(() => res.end('late'), 60_000);
  res.end(String(process.pid));
});
server.on('upgrade', (_, socket) => socket.write('HTTP/1.1 101 Switching Protocols\\r\\nconnection: upgrade\\r\\nupgrade: websocket\\r\\n\\r\\n'));
server.listen(Number(process.env.PORT), process.env.HOST);
`;
/** Takes minutes at the first try, and no time at the next. */
const longSetup =
  'echo preparing; [ -e "$BRANCH_DEPLOYMENT_DATA_DIR/tried" ] || { touch "$BRANCH_DEPLOYMENT_DATA_DIR/tried"; sleep 300; }';

let t: World;
let door: CiDoor;
let built: Awaited<ReturnType<typeof buildService>>;
let service: ServiceProcess;

beforeAll(async () => {
  built = await buildService();
  t = await openWorld({ pipelines: false, startsService: false, env: { BD_SWEEP_EVERY: '2s' } });
  door = new CiDoor(t);
  service = new ServiceProcess({ main: built.main, env: t.env });
  await service.start();
});
afterAll(async () => {
  await service.end('SIGKILL').catch(() => {});
  await t.close();
  built.dispose();
});

async function deploy(mr: MergeRequest, prepare?: string) {
  const token = await door.token(door.job(door.pipeline(mr)));
  const url = /^url (\S+)/m.exec((await door.deploy(token, mr.iid)).text)?.[1] as string;
  const lines = [...(prepare ? [`prepare: '${prepare}'`] : []), 'start: exec node server.mjs'];
  const files = [
    { path: '.branch-deployment.yml', content: `${lines.join('\n')}\n` },
    { path: 'server.mjs', content: app },
  ];
  await door.upload(token, makeArchive(files));
  return { token, url };
}

const outcome = async (token: string) => (await door.call('GET', 'outcome', { token })).text;

/** A WebSocket as bytes. Resolves with what ends it. */
function openWebSocket(url: string): Promise<{ readonly closed: Promise<void> }> {
  const { host, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), '127.0.0.1');
    socket.on('error', () => {});
    socket.once('close', () => reject(new Error('closed too early')));
    socket.write(`GET / HTTP/1.1\r\nhost: ${host}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n`);
    socket.once('data', () => resolve({ closed: new Promise((done) => socket.once('close', () => done())) }));
  });
}

describe('SIGTERM', () => {
  it('ends the service within 10 s whatever is under way; instances stay, and the next start goes on where it was', async () => {
    const served = await t.openMergeRequest('served', { 'README.md': 'served' });
    const preview = await deploy(served);
    await until('it to be healthy', async () => /^exit 0/m.test(await outcome(preview.token)));
    const { body: pid } = await t.preview(preview.url);
    const webSocket = await openWebSocket(preview.url);
    const slow = t.preview(preview.url, { path: '/slow' }).catch((error: Error) => error.message);
    const long = await t.openMergeRequest('long', { 'README.md': 'long' });
    const { token, url: longUrl } = await deploy(long, longSetup);
    const following = fetch(`${t.serviceUrl}/api/ci/v1/log?from=0`, {
      headers: { authorization: `Bearer ${token}`, 'bd-component': '1.0.0' },
    }).then((response) => response.text().catch((error: Error) => `broken off: ${error.message}`));
    const data = join(t.dataDir, 'deployments', new URL(longUrl).hostname.split('.')[0] as string);
    await until('its setup to be under way', () => existsSync(join(data, 'tried')));
    await until('the note to tell that it is deploying', () => t.note(long.iid)?.body.includes('Deploying'));
    // And GitLab does not answer: the service is in the middle of writing a note.
    const lift = t.gitlab.faults.add({ match: { path: /notes|merge_requests/ }, act: { delayMs: 25_000 } });
    await t.gitlab.updateMergeRequest(served, t.dev, { title: 'Other title' });
    await sleep(300);

    const { ms, code } = await service.end('SIGTERM');
    lift();

    expect(code).toBe(0);
    expect(ms).toBeLessThan(10_000);
    await webSocket.closed;
    expect(await slow).toMatch(/socket hang up|ECONNRESET/);
    expect(await following).toMatch(/^broken off|preparing/);
    expect(processesNaming(t.dataDir)).toEqual([Number(pid)]);

    await service.start();
    expect((await t.preview(preview.url)).body).toBe(pid);
    await until('the long one to be healthy', async () => /^exit 0/m.test(await outcome(token)));
    await until('the note to say so', () => t.note(long.iid)?.body.includes('Running'));
    expect(t.gitlab.notes(t.project, long.iid)).toHaveLength(1);
    expect(t.instances()).toHaveLength(2);
  });

  it('while it starts is one like any other', async () => {
    await service.end('SIGTERM');
    const before = service.logLines.length;
    service.spawn();
    await until('the start', () => service.logLines.slice(before).join('').includes('"started"'));

    expect(await service.end('SIGTERM')).toMatchObject({ code: 0 });
    await service.start();
  });

  it('or SIGINT a second time ends it at once', async () => {
    const served = t.gitlab.mergeRequest(t.project, 1);
    const url = (await deploy(served)).url;
    const slow = t.preview(url, { path: '/slow' }).catch((error: Error) => error.message);
    await sleep(200);
    const first = service.end('SIGTERM');
    await until('the stop to begin', () => service.logLines.join('').includes('stopping; instances go on running'));
    service.signal('SIGINT');

    expect(await first).toMatchObject({ code: 1 });
    expect((await first).ms).toBeLessThan(3_000);
    await slow;
  });
});
