import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CiDoor } from '../scenarios/ci-door.ts';
import { makeArchive } from '../store/bundles/archives.ts';
import { createSigningKey } from '../support/gitlab/identity/keys.ts';
import type { MergeRequest } from '../support/gitlab/state.ts';
import { until } from '../support/poll.ts';
import { openWorld, type World } from '../support/world.ts';

/** Listens for a while, and ends. */
const NEVER_HEALTHY = `import { createServer } from 'node:http';
createServer((q, r) => r.writeHead(404).end()).listen(process.env.PORT, process.env.HOST);
setTimeout(() => process.exit(3), 1000);`;

let t: World;
let door: CiDoor;
let canary: Server;
let canaryUrl: string;
/** What somebody asked of the address that nobody should ask. */
const asked: string[] = [];
let branches = 0;

beforeAll(async () => {
  canary = createServer((request, response) => {
    asked.push(`${request.method} ${request.url} ${JSON.stringify(request.headers)}`);
    response.end('{}');
  });
  await new Promise<void>((resolve) => canary.listen(0, '127.0.0.1', resolve));
  canaryUrl = `http://127.0.0.1:${(canary.address() as AddressInfo).port}`;
  t = await openWorld({ pipelines: false });
  door = new CiDoor(t);
});
afterAll(async () => {
  await t.close();
  canary.close();
  expect(asked).toEqual([]);
});

const open = () => t.openMergeRequest(`branch-${branches++}`, { 'README.md': String(branches) });

/** What comes of an app with this file; the text of the refusal where it is not taken. */
async function run(mr: MergeRequest, appFile: string, server: string): Promise<{ text: string; token: string }> {
  const token = await door.token(door.job(door.pipeline(mr)));
  await door.deploy(token, mr.iid);
  const files = [
    { path: '.branch-deployment.yml', content: appFile },
    { path: 'server.mjs', content: server },
  ];
  return { token, text: (await door.upload(token, makeArchive(files))).text };
}

describe('SSRF by the health check', () => {
  it('a redirect is not followed', async () => {
    const mr = await open();
    const { token } = await run(
      mr,
      'start: node server.mjs\n',
      `import { createServer } from 'node:http';
       createServer((q, r) => r.writeHead(302, { location: '${canaryUrl}/latest/meta-data' }).end()).listen(process.env.PORT, process.env.HOST);`,
    );
    const outcome = async () => /^exit (\d+)/m.exec((await door.call('GET', 'outcome', { token })).text)?.[1];
    expect(await until('the outcome', outcome)).toBe('0');
    expect(asked).toEqual([]);
  });

  it.each(['//HOST/x', 'http://HOST/x', '@HOST/x', ':80@HOST/', '/\\t/HOST', '\\\\\\\\HOST', '/x y', '/\\r\\nhost: x'])(
    'a path that would lead elsewhere does not: %s',
    async (path) => {
      const mr = await open();
      const health = path.replace('HOST', new URL(canaryUrl).host);
      const { text, token } = await run(mr, `start: node server.mjs\nhealth: "${health}"\n`, NEVER_HEALTHY);
      if (text.includes('.branch-deployment.yml cannot be used')) return;
      await until('the app to end', async () => /^exit 1/m.test((await door.call('GET', 'outcome', { token })).text));
      expect(asked).toEqual([]);
    },
  );
});

describe('SSRF by what a job says', () => {
  it('an address of the cloud as external_url is refused', async () => {
    const mr = await open();
    const token = await door.token(door.job(door.pipeline(mr)));
    for (const url of [
      'http://169.254.169.254/latest/meta-data/',
      canaryUrl,
      'file:///etc/passwd',
      'http://[::ffff:127.0.0.1]/',
    ]) {
      const answer = await door.deploy(token, mr.iid, { external_url: url });
      expect(answer).toEqual({ status: 422, text: expect.stringContaining('"external_url"') });
    }
  });

  it('an ID token does not choose where keys are read: neither its issuer nor its header is asked', async () => {
    const mr = await open();
    const claims = t.gitlab.idTokenClaimsFor(door.job(door.pipeline(mr)), t.serviceUrl);
    const { privateKey, publicJwk } = await createSigningKey();
    for (const header of [
      {},
      { jku: `${canaryUrl}/keys` },
      { x5u: `${canaryUrl}/cert` },
      { jwk: publicJwk },
      { kid: `${canaryUrl}/k` },
    ]) {
      const token = await new SignJWT({ ...claims, iss: canaryUrl })
        .setProtectedHeader({ alg: 'RS256', kid: 'x', ...header })
        .setIssuedAt()
        .setExpirationTime('1h')
        .sign(privateKey);
      expect((await door.deploy(token, mr.iid)).status).toBe(401);
    }
    expect(asked).toEqual([]);
  });
});

it('SSRF by a redirect of GitLab: the token is not carried to another host', async () => {
  const mr = await open();
  const token = await door.token(door.job(door.pipeline(mr)));
  await t.settled();
  for (const status of [301, 302, 307]) {
    const lift = t.gitlab.faults.add({
      match: { method: 'GET', path: new RegExp(`/merge_requests/${mr.iid}$`) },
      act: { status, headers: { location: `${canaryUrl}/api/v4/projects/1/merge_requests/1` } },
    });
    expect((await door.deploy(token, mr.iid)).status).toBe(503);
    lift();
  }
  expect(asked).toEqual([]);
});
