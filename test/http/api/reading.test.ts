import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeArchive } from '../../store/bundles/archives.ts';
import { until } from '../../support/poll.ts';
import { ApiWorld, TOKENS } from './api-world.ts';

let w: ApiWorld;
let name: string;

beforeAll(async () => {
  w = await ApiWorld.open();
  const { mr } = await w.deploy('feature');
  name = await w.push(mr, { 'answer.txt': 'second' });
  await w.t.settled();
});
afterAll(() => w.close());

const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);

describe('reading deployments', () => {
  it('shows a Reporter what there is to know, and no path, port or secret', async () => {
    const answer = await w.api(`/deployments/${name}`, TOKENS.reporter);
    expect(answer).toMatchObject({ status: 200, type: 'application/json' });
    expect(answer.headers.get('cache-control')).toBe('no-store');
    const revision = {
      number: 2,
      state: 'healthy',
      message: null,
      live: true,
      preset: 'command',
      commit: {
        sha: expect.stringMatching(/^[0-9a-f]{40}$/),
        title: 'Change feature',
        author_name: 'Dee Veloper',
        created_at: time,
        web_url: expect.stringContaining('/data/shop/-/commit/'),
      },
      pushed_by: 'Dee Veloper',
      parts: [],
      queued_at: time,
      started_at: time,
      healthy_at: time,
      ended_at: time,
    };
    expect(answer.json).toEqual({
      id: expect.any(Number),
      name,
      url: w.t.serviceUrl.replace('//', `//${name}.`),
      app: '',
      project: { id: w.t.project.id, path: 'data/shop' },
      merge_request: {
        iid: 1,
        title: 'Change feature',
        state: 'opened',
        web_url: expect.stringContaining('/data/shop/-/merge_requests/1'),
        source_branch: 'feature',
        target_branch: 'main',
        head_sha: expect.stringMatching(/^[0-9a-f]{40}$/),
        head_not_deployed: null,
        unreadable_since: null,
        unreadable_why: null,
      },
      environment: 'review/mr-1',
      wanted: 'running',
      phase: 'running',
      queue_position: null,
      stop_reason: null,
      stopping_since: null,
      stop_tries: 0,
      stop_error: null,
      stopped_at: null,
      created_at: time,
      latest_revision: revision,
      live_revision: revision,
      revisions: [revision, expect.objectContaining({ number: 1, live: false })],
      events: expect.arrayContaining([
        { at: time, type: 'healthy', message: expect.stringMatching(/^Revision 2 .* is healthy/) },
      ]),
    });
    for (const hidden of [w.t.dataDir, w.runtime.directory, '"endpoint', '"bundle"'])
      expect(answer.text).not.toContain(hidden);
  });

  it('answers as its own description says', async () => {
    const description = (await (await fetch(`${w.t.serviceUrl}/api/openapi.json`)).json()) as Record<string, unknown>;
    const ajv = new Ajv2020({ strict: false, validateFormats: false }).addSchema(description, 'api');
    const answers = {
      '/deployments': await w.api('/deployments', TOKENS.reporter),
      '/deployments/{name}': await w.api(`/deployments/${name}`, TOKENS.reporter),
      '/deployments/{name}/revisions': await w.api(`/deployments/${name}/revisions`, TOKENS.reporter),
      '/deployments/{name}/changes': await w.api(`/deployments/${name}/changes`, TOKENS.reporter),
    };
    for (const [path, { status, type, json }] of Object.entries(answers)) {
      const pointer = ['paths', `/api${path}`, 'get', 'responses', String(status), 'content', type, 'schema'];
      const escaped = pointer.map((part) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1')));
      const validate = ajv.compile({ $ref: `api#/${escaped.join('/')}` });
      expect([path, validate(json), validate.errors]).toEqual([path, true, null]);
    }
  });

  it('takes the token as GitLab takes it', async () => {
    const bearer = await fetch(`${w.t.serviceUrl}/api/deployments/${name}`, {
      headers: { authorization: `Bearer ${TOKENS.oauth}` },
    });
    expect(bearer.status).toBe(200);
    const without = await w.api('/deployments', null);
    expect(without).toMatchObject({ status: 401, type: 'application/problem+json' });
    expect(without.headers.get('www-authenticate')).toBe('Bearer');
    expect(without.json).toMatchObject({ type: 'urn:branch-deployments:no-token', status: 401 });
    expect(without.json.detail).toContain('PRIVATE-TOKEN: <personal, project or group access token>');
  });

  it('tells a token that lacks the scope for reading so, whatever it asks for', async () => {
    for (const path of ['', `/${name}`, '/mr-1-shop-aaaaaaaa'])
      expect(await w.api(`/deployments${path}`, TOKENS.userOnly)).toMatchObject({
        status: 401,
        json: { type: 'urn:branch-deployments:wrong-token', detail: expect.stringContaining('lacks the scope') },
      });
  });

  it('answers a Guest, a stranger and a misspelt name with the same words', async () => {
    const missing = await w.api('/deployments/mr-1-shop-aaaaaaaa', TOKENS.reporter);
    expect(missing).toMatchObject({ status: 404, type: 'application/problem+json' });
    for (const token of [TOKENS.guest, TOKENS.stranger])
      for (const path of ['', '/revisions', '/log', '/changes']) {
        const answer = await w.api(`/deployments/${name}${path}`, token);
        expect(answer).toMatchObject({ status: 404, text: missing.text });
      }
    expect((await w.api('/deployments', TOKENS.guest)).json).toEqual([]);
  });

  it('asks GitLab as often for a name that nobody has as for one that the caller may not see', async () => {
    const ofStranger = async (path: string) => {
      const token = `glpat-fresh-${path.length}-${path}`;
      const user = w.t.gitlab.addUser(`fresh-${path}`, { tokens: [token] });
      await w.api(`/deployments/${path}`, token);
      return w.asked(user.username);
    };
    expect(await ofStranger(name)).toBe(2);
    expect(await ofStranger('mr-1-shop-bbbbbbbb')).toBe(2);
  });

  it('asks GitLab once about a token, and once about a project', async () => {
    await w.api('/deployments', TOKENS.reporter);
    const before = w.asked('rita');
    for (const path of ['', `/${name}`, `/${name}/revisions`, `/${name}/log`])
      expect((await w.api(`/deployments${path}`, TOKENS.reporter)).status).toBe(200);
    expect(w.asked('rita')).toBe(before);
  });

  it('asks GitLab once about a token that it rejects, however many requests carry it', async () => {
    const before = w.asked(null);
    const answers = await Promise.all(Array.from({ length: 20 }, () => w.api('/deployments', TOKENS.wrong)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([401]));
    expect(answers[0]?.json.detail).toContain('GitLab rejects this token');
    expect(w.asked(null)).toBe(before + 1);
  });

  it('says when to come back while GitLab is out of reach', async () => {
    const end = w.t.gitlab.faults.add({ match: { path: /\/user$/ }, act: { status: 503, body: 'away' } });
    const answer = await w.api('/deployments', `${TOKENS.wrong}-2`);
    end();
    expect(answer).toMatchObject({ status: 503, type: 'application/problem+json' });
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(answer.json.type).toBe('urn:branch-deployments:gitlab-unreachable');
    expect((await w.api('/deployments', `${TOKENS.wrong}-2`)).status).toBe(401);
  });

  it('lists in pages, newest first, by project and by state', async () => {
    const other = await w.t.gitlab.addProject({ path: 'data/hidden' });
    w.t.gitlab.addMember(other, w.developer, 40);
    const failed = await w.deploy('broken', { 'exit.txt': '3' });
    const third = await w.deploy('third');
    const names = async (query: string, token = TOKENS.reporter) =>
      (await w.api(`/deployments${query}`, token)).json.map((d: { name: string }) => d.name);

    const first = await w.api('/deployments?per_page=2&project=data/shop', TOKENS.reporter);
    expect(first.json.map((d: { name: string }) => d.name)).toEqual([third.name, failed.name]);
    const next = /^<(\S+)>; rel="next"$/.exec(first.headers.get('link') ?? '')?.[1] as string;
    expect(next.startsWith(`${w.t.serviceUrl}/api/deployments?`)).toBe(true);
    expect(await names(next.slice(next.indexOf('?')))).toEqual([name]);
    const last = await w.api(`/deployments${next.slice(next.indexOf('?'))}`, TOKENS.reporter);
    expect(last.headers.get('link')).toBeNull();

    expect(await names('?state=failed')).toEqual([failed.name]);
    expect(await names(`?project=${w.t.project.id}&state=running`)).toEqual([third.name, name]);
    for (const project of ['data/hidden', String(other.id), 'data/none', '999999'])
      expect(await names(`?project=${project}`)).toEqual([]);
  });

  it('pages through revisions', async () => {
    const first = await w.api(`/deployments/${name}/revisions?per_page=1`, TOKENS.reporter);
    expect(first.json).toEqual([expect.objectContaining({ number: 2 })]);
    expect(first.headers.get('link')).toContain(`/api/deployments/${name}/revisions?per_page=1&cursor=2>; rel="next"`);
    const second = await w.api(`/deployments/${name}/revisions?per_page=1&cursor=2`, TOKENS.reporter);
    expect(second.json).toEqual([expect.objectContaining({ number: 1 })]);
    expect(second.headers.get('link')).toBeNull();
  });

  it.each([
    ['/deployments?state=asleeep', 'state'],
    ['/deployments?per_page=1000', 'per_page'],
    ['/deployments?cursor=x', 'cursor'],
    ['/deployments/x/log?revision=0', 'revision'],
    ['/deployments/x/log?follow=yes', 'follow'],
  ])('says what is wrong with %s', async (path, parameter) => {
    const answer = await w.api(path, TOKENS.reporter);
    expect(answer).toMatchObject({ status: 422, type: 'application/problem+json' });
    expect(answer.json.detail).toContain(`"${parameter}"`);
  });

  it('gives the log of the latest revision, or of another', async () => {
    const latest = await w.api(`/deployments/${name}/log`, TOKENS.reporter);
    expect(latest).toMatchObject({ status: 200, type: 'text/plain; charset=utf-8' });
    expect(latest.headers.get('x-content-type-options')).toBe('nosniff');
    expect(latest.text).toContain('==> Healthy after');
    expect((await w.api(`/deployments/${name}/log?revision=1`, TOKENS.reporter)).status).toBe(200);
    const none = await w.api(`/deployments/${name}/log?revision=9`, TOKENS.reporter);
    expect(none).toMatchObject({ status: 404, json: { detail: `${name} has no revision 9.` } });
  });

  it('follows the log until the outcome, or until whoever follows has gone', async () => {
    const mr = await w.t.openMergeRequest('followed', { 'README.md': 'followed' });
    const token = await w.door.token(w.door.job(w.door.pipeline(mr)));
    const followed = /^url https?:\/\/([^.]+)/m.exec((await w.door.deploy(token, mr.iid)).text)?.[1] as string;
    w.runtime.hold();
    await w.door.upload(
      token,
      makeArchive([{ path: '.branch-deployment.yml', content: 'start: "true"\nhealth: /\n' }]),
    );
    const url = `${w.t.serviceUrl}/api/deployments/${followed}/log?follow=true`;
    const headers = { 'private-token': TOKENS.reporter };

    const leaving = new AbortController();
    const left = await fetch(url, { headers, signal: leaving.signal });
    const staying = await fetch(url, { headers });
    await until('it to be launched', async () => {
      const { json } = await w.api(`/deployments/${followed}`, TOKENS.reporter);
      return json.phase === 'deploying';
    });
    leaving.abort();
    await expect(left.text()).rejects.toThrow();
    w.runtime.letGo();
    const text = await staying.text();

    expect(text).toMatch(/==> Healthy after .*\n$/);
    expect((await w.api(`/deployments/${followed}/log`, TOKENS.reporter)).text).toBe(text);
  });

  it('says of an app without definitions why it has no changes to tell', async () => {
    expect(await w.api(`/deployments/${name}/changes`, TOKENS.reporter)).toMatchObject({
      status: 200,
      json: { state: 'unknown', reason: 'An app of the preset command has no definitions to compare.', assets: [] },
    });
  });

  it('lets no token into the log', () => {
    const log = w.t.logLines.join('');
    for (const token of Object.values(TOKENS)) expect(log).not.toContain(token);
  });
});
