import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApiWorld, TOKENS } from '../http/api/api-world.ts';

// What each role may do, and when GitLab is asked: test/http/api/*.test.ts.

interface Route {
  readonly method: string;
  readonly path: string;
}

let w: ApiWorld;
let name: string;
let elsewhere: string;
let routes: Route[];

beforeAll(async () => {
  w = await ApiWorld.open({ BD_ALLOWED_PROJECTS: 'data/*,secret/*' });
  ({ name } = await w.deploy('feature'));
  const project = await w.t.gitlab.addProject({ path: 'secret/vault', files: { 'README.md': 'x' } });
  w.t.gitlab.addMember(project, w.t.bot, 40);
  w.t.gitlab.addMember(project, w.t.dev, 40);
  await w.t.gitlab.push(project, 'feature', { files: { a: 'a' }, author: w.t.dev });
  const mr = await w.t.gitlab.openMergeRequest(project, { sourceBranch: 'feature', author: w.t.dev });
  const pipeline = w.t.gitlab.createPipeline({
    project,
    sha: mr.sha,
    ref: `refs/merge-requests/${mr.iid}/head`,
    source: 'merge_request_event',
    user: w.t.dev,
    mergeRequest: mr,
  });
  const begun = await w.door.deploy(await w.door.token(w.door.job(pipeline)), mr.iid);
  elsewhere = /^url https?:\/\/([^.]+)/m.exec(begun.text)?.[1] as string;
  const { paths } = (await w.api('/openapi.json', null)).json as { paths: Record<string, Record<string, unknown>> };
  routes = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => ({ method: method.toUpperCase(), path })),
  );
});
afterAll(() => w.close());

const ofDeployments = () =>
  routes
    .filter(({ path }) => path.startsWith('/api/deployments/'))
    .map((route) => ({ ...route, path: route.path.slice('/api'.length) }));
const at = (route: Route, deployment: string) => route.path.replace('{name}', deployment);

describe('CVE-2026-45632, CVE-2026-48742: every route of a deployment asks for a role in its own project', () => {
  it('there are such routes', () => {
    expect(ofDeployments().length).toBeGreaterThanOrEqual(8);
  });

  it('without a token, and with one that GitLab rejects, nothing is told apart', async () => {
    for (const route of ofDeployments())
      for (const token of [null, TOKENS.wrong]) {
        const [there, not] = [
          await w.api(at(route, name), token, route.method),
          await w.api(at(route, 'nothing'), token, route.method),
        ];
        expect([route, there.status]).toEqual([route, 401]);
        expect(there.text).toBe(not.text);
      }
  });

  it("a Developer of one project is told of another's deployment what is told of none", async () => {
    for (const route of ofDeployments()) {
      const [theirs, not] = [
        await w.api(at(route, elsewhere), TOKENS.developer, route.method),
        await w.api(at(route, 'nothing'), TOKENS.developer, route.method),
      ];
      expect([route, theirs.status, theirs.text]).toEqual([route, 404, not.text]);
      expect(theirs.text).not.toContain('vault');
    }
    expect((await w.api('/deployments', TOKENS.developer)).text).not.toContain('vault');
    expect((await w.api('/deployments?project=secret/vault', TOKENS.developer)).json).toEqual([]);
  });

  it('a Guest reads nothing, a Reporter changes nothing', async () => {
    for (const route of ofDeployments()) {
      expect([route, (await w.api(at(route, name), TOKENS.guest, route.method)).status]).toEqual([route, 404]);
      if (route.method === 'GET') continue;
      expect([route, (await w.api(at(route, name), TOKENS.reporter, route.method)).status]).toEqual([route, 404]);
    }
    await w.t.settled();
    expect(await w.runtime.list()).toHaveLength(1);
  });

  it.each(['../deployments', '%2e%2e', '..%2f..%2fopenapi.json', 'a%00b', "' OR 1=1 --", '%', '*', 'constructor'])(
    'a name like %j finds nothing',
    async (odd) => {
      const response = await fetch(`${w.t.serviceUrl}/api/deployments/${odd}/log`, {
        headers: { 'private-token': TOKENS.developer },
      });
      expect(response.status).toBeGreaterThanOrEqual(400);
      expect(response.status).toBeLessThan(500);
    },
  );
});

describe('CVE-2026-24841: there is no terminal, and the log is no way around', () => {
  it("a job's log is its own: the token says which, and nothing else", async () => {
    const mine = w.door.job(w.door.pipeline(w.t.gitlab.mergeRequest(w.t.project, 1)));
    const token = await w.door.token(mine);
    const other = w.t.gitlab.state.pipelines.flatMap(({ jobs }) => jobs)[0]?.id;
    expect((await w.door.call('GET', `log?job_id=${other}&job=${other}`, { token })).status).toBe(409);
    for (const path of ['log', 'outcome']) expect((await w.door.call('GET', path, { token: null })).status).toBe(401);
    expect((await w.door.call('GET', 'log', { token: TOKENS.developer })).status).toBe(401);
  });

  it('the service takes no WebSocket', async () => {
    const { port } = new URL(w.t.serviceUrl);
    for (const path of ['/', `/api/deployments/${name}/log`, '/api/ci/v1/log']) {
      const socket = connect(Number(port), '127.0.0.1');
      socket.write(
        `GET ${path} HTTP/1.1\r\nhost: localhost:${port}\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`,
      );
      expect(String((await once(socket, 'data'))[0])).toMatch(/^HTTP\/1\.1 404 /);
      socket.destroy();
    }
  });

  it('every route is described, and none of them runs a command', () => {
    expect(routes.filter(({ path }) => /exec|shell|terminal|console|command|debug/i.test(path))).toEqual([]);
  });
});
