import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CiDoor } from '../scenarios/ci-door.ts';
import type { MergeRequest } from '../support/gitlab/state.ts';
import { until } from '../support/poll.ts';
import { openWorld, SIGNING_TOKEN, type World } from '../support/world.ts';

let t: World;
let mr: MergeRequest;

beforeAll(async () => {
  t = await openWorld({ pipelines: false });
  t.project.hooks.splice(0);
  const door = new CiDoor(t);
  mr = await t.openMergeRequest('feature', { 'README.md': 'x' });
  // From here on the service knows the merge request.
  await door.deploy(await door.token(door.job(door.pipeline(mr))), mr.iid);
});
afterAll(() => t.close());

interface Sent {
  readonly event?: string;
  readonly id?: string;
  readonly at?: Date;
  readonly secret?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Sends a body as GitLab would, signed unless headers say otherwise. */
async function send(body: unknown, sent: Sent = {}) {
  const raw = typeof body === 'string' ? body : JSON.stringify(body);
  const id = sent.id ?? randomUUID();
  const at = sent.at ?? new Date();
  const response = await fetch(`${t.serviceUrl}/webhooks/gitlab`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'x-gitlab-event': sent.event ?? 'Merge Request Hook',
      ...(sent.headers ?? {
        'webhook-id': id,
        'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
        'webhook-signature': new Webhook(sent.secret ?? SIGNING_TOKEN).sign(id, at, raw),
      }),
    },
    body: raw,
  });
  return { status: response.status, body: (await response.json()) as unknown };
}

const mergeRequestEvent = () => ({
  object_kind: 'merge_request',
  project: { id: t.project.id },
  object_attributes: { iid: mr.iid, target_project_id: t.project.id, action: 'update' },
});
const problem = (type: string, status: number, detail: string) => ({
  status,
  body: { type: `urn:branch-deployments:${type}`, title: type.replaceAll('-', ' '), status, detail },
});

describe('a webhook without the right proof is refused', () => {
  it('none', async () => {
    expect(await send(mergeRequestEvent(), { headers: {} })).toEqual(
      problem(
        'wrong-proof',
        401,
        "The webhook carries neither a signature nor a secret token. Set the hook's signing token to BD_WEBHOOK_SECRET, or its secret token to BD_WEBHOOK_TOKEN.",
      ),
    );
  });

  it('signed with another secret', async () => {
    const secret = `whsec_${Buffer.from('somebody else').toString('base64')}`;
    expect(await send(mergeRequestEvent(), { secret })).toEqual(
      problem(
        'wrong-proof',
        401,
        "The webhook's signature does not match: BD_WEBHOOK_SECRET is not the hook's signing token.",
      ),
    );
  });

  it('signed long ago', async () => {
    expect(await send(mergeRequestEvent(), { at: new Date(Date.now() - 3_600_000) })).toEqual(
      problem(
        'wrong-proof',
        401,
        'The webhook was signed more than 5 minutes from now: compare the clocks of GitLab and this service.',
      ),
    );
  });

  it('a secret token where none is set', async () => {
    expect(await send(mergeRequestEvent(), { headers: { 'x-gitlab-token': 'guess' } })).toEqual(
      problem('wrong-proof', 401, "The hook's secret token is not the one in BD_WEBHOOK_TOKEN."),
    );
  });
});

describe('an authentic webhook is always answered with 200', () => {
  it('an event about a merge request that is known', async () => {
    expect(await send(mergeRequestEvent())).toEqual({ status: 200, body: { accepted: true } });
  });

  it('the same delivery once more', async () => {
    const id = randomUUID();
    expect(await send(mergeRequestEvent(), { id })).toEqual({ status: 200, body: { accepted: true } });
    expect(await send(mergeRequestEvent(), { id })).toEqual({
      status: 200,
      body: { accepted: false, reason: 'this delivery was taken before' },
    });
  });

  it('a merge request that nobody has deployed', async () => {
    const event = { ...mergeRequestEvent(), object_attributes: { iid: 999, target_project_id: t.project.id } };
    expect(await send(event)).toEqual({
      status: 200,
      body: { accepted: false, reason: 'no branch deployment has to do with it' },
    });
  });

  it('an event that is not used', async () => {
    expect(await send({ object_kind: 'wiki_page' }, { event: 'Wiki Page Hook' })).toEqual({
      status: 200,
      body: { accepted: false, reason: 'events of kind "Wiki Page Hook" are not used' },
    });
  });

  it.each([
    ['no JSON', '{"object_kind":'],
    ['JSON of another shape', '[1, 2]'],
    ['an event without its fields', { object_kind: 'merge_request' }],
    ['nothing', ''],
  ])('%s', async (_what, body) => {
    const answer = await send(body);
    expect(answer).toEqual({ status: 200, body: { accepted: false, reason: expect.stringMatching(/\w/) } });
  });
});

describe('the door itself', () => {
  it('refuses whoever proves nothing before the body has come', async () => {
    const { port } = new URL(t.serviceUrl);
    const head = (proof: string) =>
      `POST /webhooks/gitlab HTTP/1.1\r\nhost: localhost:${port}\r\nx-gitlab-event: Push Hook\r\n${proof}content-length: 1000000\r\n\r\n`;
    for (const proof of [
      '',
      'x-gitlab-token: wrong\r\n',
      'webhook-id: 1\r\nwebhook-timestamp: 1\r\nwebhook-signature: v1,AAAA\r\n',
    ]) {
      const socket = connect(Number(port), '127.0.0.1');
      socket.write(head(proof));
      const [answer] = await once(socket, 'data');
      expect(String(answer)).toMatch(/^HTTP\/1.1 401 /);
      socket.destroy();
    }
  });

  it('takes nothing larger than 25 MiB, said or not', async () => {
    const large = 'x'.repeat(26 * 1024 ** 2);
    expect(await send(large)).toEqual(
      problem('too-large', 413, 'The webhook is larger than 25 MiB, which GitLab never sends.'),
    );
    expect(await sendChunked(27)).toBe(413);
  });

  it('a webhook without a length, in pieces, is taken like another', async () => {
    const id = randomUUID();
    const at = new Date();
    const raw = JSON.stringify(mergeRequestEvent());
    const signature = new Webhook(SIGNING_TOKEN).sign(id, at, raw);
    const { port } = new URL(t.serviceUrl);
    const socket = connect(Number(port), '127.0.0.1');
    socket.write(
      `POST /webhooks/gitlab HTTP/1.1\r\nhost: localhost:${port}\r\nx-gitlab-event: Merge Request Hook\r\ntransfer-encoding: chunked\r\n` +
        `webhook-id: ${id}\r\nwebhook-timestamp: ${Math.floor(at.getTime() / 1000)}\r\nwebhook-signature: ${signature}\r\n\r\n`,
    );
    for (const piece of [raw.slice(0, 5), raw.slice(5)])
      socket.write(`${Buffer.byteLength(piece).toString(16)}\r\n${piece}\r\n`);
    socket.write('0\r\n\r\n');
    const [answer] = await once(socket, 'data');
    expect(String(answer)).toMatch(/^HTTP\/1.1 200 /);
    expect(String(answer)).toContain('{"accepted":true}');
    socket.destroy();
  });

  it('a webhook whose connection ends in the middle is no failure of the service', async () => {
    const { port } = new URL(t.serviceUrl);
    const timestamp = Math.floor(Date.now() / 1000);
    const socket = connect(Number(port), '127.0.0.1');
    socket.end(
      `POST /webhooks/gitlab HTTP/1.1\r\nhost: localhost:${port}\r\nx-gitlab-event: Push Hook\r\ncontent-length: 100\r\n` +
        `webhook-id: 1\r\nwebhook-timestamp: ${timestamp}\r\nwebhook-signature: v1,AAAA\r\n\r\n{"a":`,
    );
    await until('its line', () => t.logLines.some((line) => line.includes('"type":"broken-off"')));
    expect(t.logLines.join('')).not.toContain('a request failed');
  });

  it('takes POST only', async () => {
    for (const method of ['GET', 'PUT', 'DELETE']) {
      const response = await fetch(`${t.serviceUrl}/webhooks/gitlab`, { method });
      expect({ method, status: response.status, type: response.headers.get('content-type') }).toEqual({
        method,
        status: 404,
        type: 'application/problem+json',
      });
    }
  });
});

/** Signed as far as the head shows, without a length, one MiB at a time, until an answer comes. */
function sendChunked(mebibytes: number): Promise<number | undefined> {
  const { port } = new URL(t.serviceUrl);
  return new Promise((resolve, reject) => {
    const outgoing = request({
      host: '127.0.0.1',
      port,
      path: '/webhooks/gitlab',
      method: 'POST',
      headers: {
        host: `localhost:${port}`,
        'x-gitlab-event': 'Push Hook',
        'transfer-encoding': 'chunked',
        'webhook-id': randomUUID(),
        'webhook-timestamp': String(Math.floor(Date.now() / 1000)),
        'webhook-signature': 'v1,AAAA',
      },
    });
    let answered = false;
    outgoing.on('response', (response) => {
      answered = true;
      response.resume();
      resolve(response.statusCode);
    });
    // What is refused before its end may find its connection closed.
    outgoing.on('error', (error) => answered || reject(error));
    for (let i = 0; i < mebibytes; i++) outgoing.write(Buffer.alloc(1024 ** 2, 'x'));
    outgoing.end();
  });
}
