import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { CiDoor } from '../scenarios/ci-door.ts';
import { deploy } from '../scenarios/live.ts';
import type { MergeRequest } from '../support/gitlab/state.ts';
import { InstantRuntime } from '../support/instant-runtime.ts';
import { buildService } from '../support/service-process.ts';
import { BOT_TOKEN, openWorld, SIGNING_TOKEN, type World } from '../support/world.ts';

// All output of the whole test run is searched for secrets as well: test/support/secret-search.

const runtime = new InstantRuntime();
let t: World;
let door: CiDoor;
let mr: MergeRequest;

beforeAll(async () => {
  t = await openWorld({ pipelines: false, runtime, env: { BD_GITLAB_TOKEN: BOT_TOKEN } });
  door = new CiDoor(t);
  mr = await t.openMergeRequest('feature', { 'README.md': 'x' });
});
afterAll(() => t.close());

describe('CVE-2026-45631, CVE-2026-24840: no secret has a default', () => {
  const SET = {
    BD_GITLAB_URL: 'https://gitlab.example.com',
    BD_GITLAB_TOKEN: 'glpat-0123456789abcdefghij',
    BD_PUBLIC_URL: 'https://previews.example.com',
    BD_ALLOWED_PROJECTS: 'data/*',
    BD_WEBHOOK_SECRET: SIGNING_TOKEN,
    BD_PREVIEW_ACCESS: 'open',
  };

  it.each([
    ['BD_GITLAB_TOKEN', { ...SET, BD_GITLAB_TOKEN: undefined }],
    ['BD_GITLAB_TOKEN', { ...SET, BD_GITLAB_TOKEN: '' }],
    ['BD_WEBHOOK_SECRET', { ...SET, BD_WEBHOOK_SECRET: undefined }],
    ['BD_WEBHOOK_SECRET', { ...SET, BD_WEBHOOK_SECRET: 'whsec_' }],
    ['BD_WEBHOOK_TOKEN', { ...SET, BD_WEBHOOK_SECRET: undefined, BD_WEBHOOK_TOKEN: '' }],
    ['BD_WEBHOOK_TOKEN', { ...SET, BD_WEBHOOK_SECRET: undefined, BD_WEBHOOK_TOKEN: ' ' }],
  ])('without %s the start is refused', (name, env) => {
    expect(() => readConfig(env, { uid: 1000 })).toThrow(name);
  });

  it('the program ends, says what is missing, and listens nowhere', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'bd-no-secrets-'));
    const { main, dispose } = await buildService();
    onTestFinished(dispose);
    const env = { PATH: process.env.PATH, BD_GITLAB_URL: 'https://gitlab.example.com', BD_DATA_DIR: folder };
    const ended = spawnSync(process.execPath, [main, 'serve'], {
      env,
      encoding: 'utf8',
      timeout: 50_000,
    });
    rmSync(folder, { recursive: true, force: true });
    expect(ended.status).toBeGreaterThan(0);
    for (const name of ['BD_GITLAB_TOKEN', 'BD_WEBHOOK_SECRET']) expect(ended.stderr).toContain(name);
  });
});

describe('CVE-2024-52009: tokens do not leak through errors', () => {
  const echoes = [`PRIVATE-TOKEN: ${BOT_TOKEN}`, `https://oauth2:${BOT_TOKEN}@gitlab.example.com/data/shop.git`];

  it.each([
    ['an error of GitLab that repeats the request', { status: 400, body: { message: echoes.join(' ') } }],
    [
      'a 500 page that does',
      { status: 500, body: `<html>${echoes.join('<br>')}</html>`, headers: { 'content-type': 'text/html' } },
    ],
    ['a 403', { status: 403, body: { error_description: echoes.join('\n') } }],
    ['a 404 with a URL', { status: 404, body: { message: echoes[1] } }],
    ['a 200 that is not what the API documents', { status: 200, body: { [BOT_TOKEN]: echoes, id: BOT_TOKEN } }],
    [
      'a 200 that is no JSON',
      { status: 200, body: echoes.join('\n'), headers: { 'content-type': 'application/json' } },
    ],
    [
      'a redirect with credentials',
      { status: 302, headers: { location: `https://x:${BOT_TOKEN}@elsewhere.example/` } },
    ],
  ])('%s', async (_what, act) => {
    const token = await door.token(door.job(door.pipeline(mr)));
    await t.settled();
    const from = t.logLines.length;
    const lift = t.gitlab.faults.add({ match: { path: /\/api\/v4\/.*\/(pipelines|merge_requests)\// }, act });
    const answer = await door.deploy(token, mr.iid);
    lift();
    expect(answer.status).toBeGreaterThanOrEqual(400);
    const said = [answer.text, ...t.logLines.slice(from)].join('\n');
    expect(said).not.toContain(BOT_TOKEN);
    expect(said).not.toContain(token);
  });

  it('an ID token that is put where it does not belong is not repeated', async () => {
    const token = await door.token(door.job(door.pipeline(mr)));
    const from = t.logLines.length;
    const answers = [
      await door.deploy(token, mr.iid, { app: token }),
      await door.deploy(token, mr.iid, { timeout: token }),
      await door.deploy(token, token),
      await door.deploy(token.slice(0, -20), mr.iid),
      await door.deploy(`${token}.${token}`, mr.iid),
      await door.call('GET', `log?token=${token}`, { token: null }),
      await door.call('GET', token, { token }),
      await door.call('GET', `${BOT_TOKEN}/x`, { token }),
    ];
    for (const { status, text } of answers) {
      expect(status).toBeGreaterThanOrEqual(400);
      expect(text).not.toContain(token.slice(-60, -30));
      expect(text).not.toContain(BOT_TOKEN);
    }
    expect(t.logLines.slice(from).join('')).not.toContain(token.slice(-60, -30));
  });

  it('what is kept on disk holds neither, and the note neither', async () => {
    const deployed = await deploy(door, mr, 'hello');
    await t.settled();
    // The database, logs and bundles are searched when the world ends (test/support/secret-search/service.ts).
    for (const secret of [BOT_TOKEN, SIGNING_TOKEN, deployed.token]) {
      expect(t.note(mr.iid)?.body).not.toContain(secret);
      expect(t.logLines.join('')).not.toContain(secret);
    }
  });

  it('a URL of GitLab with credentials in it is refused at the start, without repeating them', () => {
    const env = { BD_GITLAB_URL: 'https://root:hunter2hunter2@gitlab.example.com', BD_GITLAB_TOKEN: 'x' };
    const refusal = (): string => {
      try {
        return JSON.stringify(readConfig(env, { uid: 1000 }));
      } catch (error) {
        return String(error);
      }
    };
    expect(refusal()).toContain('BD_GITLAB_URL');
    expect(refusal()).not.toContain('hunter2');
  });
});
