import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CiDoor } from '../scenarios/ci-door.ts';
import { deploy } from '../scenarios/live.ts';
import type { MergeRequest } from '../support/gitlab/state.ts';
import { InstantRuntime } from '../support/instant-runtime.ts';
import { openWorld, type World } from '../support/world.ts';
import { post, signedHeaders } from './post-webhook.ts';

// What else concerns this door: test/http/webhook-door.test.ts, test/http/webhook-proof.test.ts.

const TOKEN = 'wh-Zr5tLq8nVx2mKs7cYb4D';
const runtime = new InstantRuntime();
let t: World;
let mr: MergeRequest;
let stalled: Promise<string>;

beforeAll(async () => {
  t = await openWorld({ pipelines: false, runtime, env: { BD_WEBHOOK_TOKEN: TOKEN } });
  mr = await t.openMergeRequest('feature', { 'README.md': 'x' });
  await deploy(new CiDoor(t), mr, 'hello');
  await t.settled();
  // Ends beside the other tests, after 12 s.
  stalled = answerTo(open(`${head(1_000_000)}{"a":`));
});
afterAll(() => t.close());

const event = () =>
  JSON.stringify({ object_kind: 'merge_request', object_attributes: { iid: mr.iid, target_project_id: t.project.id } });
const port = () => Number(new URL(t.serviceUrl).port);

/** The head of a request that could be authentic: whether it is shows in the body only. */
function head(bytes: number): string {
  const headers = Object.entries(signedHeaders('Push Hook', 'not what is sent'));
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return `POST /webhooks/gitlab HTTP/1.1\r\nhost: localhost:${port()}\r\n${lines}content-length: ${bytes}\r\n\r\n`;
}

function open(text: string): Socket {
  const socket = connect(port(), '127.0.0.1');
  socket.on('error', () => undefined);
  socket.write(text);
  return socket;
}

async function answerTo(socket: Socket): Promise<string> {
  const [answer] = await once(socket, 'data');
  return String(answer).split('\r\n')[0] ?? '';
}

describe('CVE-2022-24912: webhook secrets are not found out by degrees', () => {
  it('a token is refused in the same words, however much of it is right', async () => {
    const guesses = [
      'wrong',
      TOKEN.slice(0, -1),
      `${TOKEN}x`,
      `${TOKEN.slice(0, -1)}E`,
      TOKEN.toLowerCase(),
      `${TOKEN},${TOKEN}`,
    ];
    const answers = [];
    for (const guess of guesses) answers.push(await post(t.serviceUrl, event(), { 'x-gitlab-token': guess }));
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(answers[0]?.status).toBe(401);
    expect(
      await post(t.serviceUrl, event(), { 'x-gitlab-event': 'Merge Request Hook', 'x-gitlab-token': TOKEN }),
    ).toEqual({
      status: 200,
      body: { accepted: true },
    });
    for (const guess of guesses.slice(1)) expect(t.logLines.join('')).not.toContain(guess);
  });

  it('the right token is of no use beside a wrong signature', async () => {
    const headers = { ...signedHeaders('Merge Request Hook', 'another body'), 'x-gitlab-token': TOKEN };
    expect((await post(t.serviceUrl, event(), headers)).status).toBe(401);
  });
});

describe('webhook replay', () => {
  it('a delivery that was caught on its way does nothing when it is sent again', async () => {
    const headers = signedHeaders('Merge Request Hook', event());
    expect((await post(t.serviceUrl, event(), headers)).body).toEqual({ accepted: true });
    await t.settled();
    const asked = t.gitlab.requests.length;
    for (let i = 0; i < 3; i += 1)
      expect((await post(t.serviceUrl, event(), headers)).body).toMatchObject({ accepted: false });
    await t.settled();
    expect(t.gitlab.requests.length).toBe(asked);
  });

  it('once its id is forgotten, its time is too old; neither can be changed', async () => {
    const at = new Date(Date.now() - 6 * 60_000);
    const headers = signedHeaders('Merge Request Hook', event(), { at });
    const timestamp = String(Math.floor(Date.now() / 1000));
    for (const tried of [headers, { ...headers, 'webhook-timestamp': timestamp }, { ...headers, 'webhook-id': 'new' }])
      expect((await post(t.serviceUrl, event(), tried)).status).toBe(401);
    const future = signedHeaders('Merge Request Hook', event(), { at: new Date(Date.now() + 6 * 60_000) });
    expect((await post(t.serviceUrl, event(), future)).status).toBe(401);
  });
});

describe('CVE-2026-42294, CVE-2024-40634: webhooks of strangers do not use the service up', () => {
  it('large bodies share a budget before they are proved, and the webhooks that GitLab sends go on', async () => {
    const large = Array.from({ length: 4 }, () => open(head(25 * 1024 ** 2)));
    // All four are waited for by then: their answers would be here else.
    for (let i = 0; i < 3; i += 1) await post(t.serviceUrl, event(), signedHeaders('Merge Request Hook', event()));
    expect(await answerTo(open(head(25 * 1024 ** 2)))).toBe('HTTP/1.1 503 Service Unavailable');
    expect(await post(t.serviceUrl, event(), signedHeaders('Merge Request Hook', event()))).toMatchObject({
      status: 200,
    });
    for (const socket of large) socket.destroy();
  });

  it('hundreds of connections that send nothing hold nobody up', async () => {
    const silent = Array.from({ length: 300 }, (_, index) =>
      open(index % 2 ? '' : 'POST /webhooks/gitlab HTTP/1.1\r\nhost: x\r\n'),
    );
    const answer = await post(t.serviceUrl, event(), signedHeaders('Merge Request Hook', event()));
    expect(answer.status).toBe(200);
    expect((await fetch(`${t.serviceUrl}/readyz`)).status).toBe(200);
    for (const socket of silent) socket.destroy();
  });
});

describe('CVE-2026-40886: a poisoned payload neither ends the service nor is tried for ever', () => {
  const attributes = (value: unknown) => JSON.stringify({ object_attributes: value });
  it.each([
    ['an array 50,000 deep', '['.repeat(50_000) + ']'.repeat(50_000)],
    ['an object 50,000 deep', `${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}`],
    ['a prototype', '{"__proto__":{"iid":1},"constructor":{"prototype":{"iid":1}},"object_attributes":null}'],
    ['an iid that is no number', attributes({ iid: '1 OR 1=1', target_project_id: 1 })],
    ['an iid beyond all numbers', '{"object_attributes":{"iid":1e400,"target_project_id":1}}'],
    ['a negative iid', attributes({ iid: -1, target_project_id: 1 })],
    ['an iid that no database takes', attributes({ iid: 2 ** 60, target_project_id: 2 ** 60 })],
    ['a NUL in a branch', JSON.stringify({ ref: 'refs/heads/a\0b', project_id: 1 })],
    ['half a surrogate pair', `{"ref":"refs/heads/\\ud800","project_id":1}`],
    ['a branch of a megabyte', JSON.stringify({ ref: `refs/heads/${'a'.repeat(1_000_000)}`, project_id: 1 })],
    ['an environment that is a list', JSON.stringify({ status: 'success', environment: ['x'], project: { id: 1 } })],
    ['bytes that are no UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]).toString('latin1')],
  ])('%s', async (_what, body) => {
    for (const hook of ['Merge Request Hook', 'Push Hook', 'Note Hook', 'Pipeline Hook', 'Deployment Hook']) {
      const answer = await post(t.serviceUrl, body, signedHeaders(hook, body));
      expect({ hook, ...answer }).toEqual({ hook, status: 200, body: { accepted: false, reason: expect.any(String) } });
    }
    await t.settled();
    expect((await fetch(`${t.serviceUrl}/readyz`)).status).toBe(200);
  });

  it('an event about what GitLab does not have is looked at once, and nothing is removed', async () => {
    for (const iid of [mr.iid, 4_000_000]) {
      const body = JSON.stringify({
        object_attributes: { iid, target_project_id: 999_999, state: 'merged', action: 'merge' },
      });
      expect((await post(t.serviceUrl, body, signedHeaders('Merge Request Hook', body))).body).toMatchObject({
        accepted: false,
      });
    }
    const merged = JSON.stringify({
      object_attributes: { iid: mr.iid, target_project_id: t.project.id, state: 'merged', action: 'merge' },
    });
    expect((await post(t.serviceUrl, merged, signedHeaders('Merge Request Hook', merged))).body).toEqual({
      accepted: true,
    });
    await t.settled();
    expect(await runtime.list()).toHaveLength(1);
  });
});

it('CVE-2026-42294: a body that never ends is given up', async () => {
  expect(await stalled).toBe('HTTP/1.1 408 Request Timeout');
}, 30_000);
