import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { MergeRequest } from '../../support/gitlab/state.ts';
import { until } from '../../support/poll.ts';
import { ApiWorld, TOKENS } from './api-world.ts';

let w: ApiWorld;
let name: string;
let mr: MergeRequest;

beforeAll(async () => {
  w = await ApiWorld.open();
  ({ name, mr } = await w.deploy('feature'));
});
afterAll(() => w.close());

const phase = async () => (await w.api(`/deployments/${name}`, TOKENS.reporter)).json.phase as string;
const act = (action: string, token = TOKENS.developer) => w.api(`/deployments/${name}/${action}`, token, 'POST');

describe('acting on a deployment', () => {
  it('is for Developers: anybody else is told that there is none', async () => {
    for (const action of ['redeploy', 'stop', 'sleep', 'wake'])
      for (const token of [TOKENS.reporter, TOKENS.guest, TOKENS.stranger])
        expect(await act(action, token)).toMatchObject({
          status: 404,
          json: { type: 'urn:branch-deployments:not-found' },
        });
    expect((await w.api('/deployments/mr-1-shop-aaaaaaaa/stop', TOKENS.developer, 'POST')).status).toBe(404);
    expect(await phase()).toBe('running');
  });

  it('stops it, and runs it again without a pipeline', async () => {
    const stopped = await act('stop');
    expect(stopped).toMatchObject({
      status: 202,
      json: { deployment: { name, wanted: 'stopped', stop_reason: 'undeployed' } },
    });
    await until('it to be stopped', async () => (await phase()) === 'stopped');
    expect(await w.runtime.list()).toEqual([]);

    expect(await act('redeploy')).toMatchObject({ status: 202, json: { deployment: { name } } });
    await until('it to run again', async () => (await phase()) === 'running');
    const { json } = await w.api(`/deployments/${name}`, TOKENS.reporter);
    expect(json.latest_revision).toMatchObject({ number: 2, state: 'healthy', live: true });
    expect(json.events.map((e: { message: string }) => e.message)).toContain('dora name asked for it to run again.');
    expect(w.t.gitlab.pipelines(w.t.project)).toHaveLength(1);
  });

  it('takes a token that may act: one for reading reads, and is told what it lacks', async () => {
    for (const token of [TOKENS.readOnly, TOKENS.readOnlyOauth]) {
      expect((await w.api(`/deployments/${name}`, token)).status).toBe(200);
      expect(await act('stop', token)).toMatchObject({
        status: 403,
        json: {
          type: 'urn:branch-deployments:insufficient-scope',
          detail: 'This token has the scope read_api: acting takes a token with the scope api.',
        },
      });
    }
    expect(await phase()).toBe('running');
    expect((await act('redeploy', TOKENS.oauth)).status).toBe(202);
    await until('it to run again', async () => {
      const { json } = await w.api(`/deployments/${name}`, TOKENS.reporter);
      return json.live_revision?.number === 3;
    });
  });

  it('says of sleep and wake that they are not there yet', async () => {
    for (const action of ['sleep', 'wake'])
      expect(await act(action)).toMatchObject({ status: 501, json: { type: 'urn:branch-deployments:not-yet' } });
  });

  it('asks GitLab about the role again: who lost it a moment ago does not act', async () => {
    const user = w.t.gitlab.addUser('leaver', { tokens: ['glpat-LeaverLeaverLeaverLe'] });
    w.t.gitlab.addMember(w.t.project, user, 30);
    const read = () => w.api(`/deployments/${name}`, 'glpat-LeaverLeaverLeaverLe');
    expect((await read()).status).toBe(200);
    w.t.gitlab.addMember(w.t.project, user, 0);
    expect((await read()).status).toBe(200);
    expect((await act('stop', 'glpat-LeaverLeaverLeaverLe')).status).toBe(404);
    expect((await read()).status).toBe(404);
    expect(await phase()).toBe('running');
  });

  it('asks GitLab about the token again: a revoked one does not act', async () => {
    const token = 'glpat-RevokedRevokedRevok';
    const user = w.t.gitlab.addUser('revoker', { tokens: [token] });
    w.t.gitlab.addMember(w.t.project, user, 30);
    expect((await w.api(`/deployments/${name}`, token)).status).toBe(200);
    Object.assign(user, { tokens: [] });
    expect(await act('stop', token)).toMatchObject({
      status: 401,
      json: { type: 'urn:branch-deployments:wrong-token' },
    });
    expect((await w.api(`/deployments/${name}`, token)).status).toBe(401);
    expect(await phase()).toBe('running');
  });

  it('does not act while GitLab cannot be asked, and goes on reading', async () => {
    const end = w.t.gitlab.faults.add({ match: { path: /\/members\// }, act: { status: 503, body: 'away' } });
    const answer = await act('stop');
    end();
    expect(answer.status).toBe(503);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await w.api(`/deployments/${name}`, TOKENS.developer)).status).toBe(200);
    expect(await phase()).toBe('running');
  });

  it('refuses to bring back what was merged', async () => {
    await w.t.gitlab.mergeMergeRequest(mr, w.t.dev);
    await until('it to be stopped', async () => (await phase()) === 'stopped');
    expect(await act('redeploy')).toMatchObject({
      status: 409,
      json: { detail: 'The merge request is merged: nothing brings its deployment back.' },
    });
  });
});
