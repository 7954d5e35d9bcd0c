import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { MergeRequest } from '../support/gitlab/state.ts';
import { until } from '../support/poll.ts';
import { nodeServer, openWorld, startWorld, type World } from '../support/world.ts';
import { CiDoor } from './ci-door.ts';

const readiness = async (t: World) => {
  const response = await fetch(`${t.serviceUrl}/readyz`);
  return { code: response.status, body: await response.json() };
};

describe('while GitLab is down', () => {
  let t: World;
  let door: CiDoor;
  let mr: MergeRequest;

  beforeAll(async () => {
    t = await openWorld({ pipelines: false });
    door = new CiDoor(t);
    mr = await t.openMergeRequest('feature', { 'README.md': 'x' });
  });
  afterAll(() => t.close());

  it('a job is not refused, but told to come back, and when', async () => {
    const lift = t.gitlab.faults.add({ match: { path: /\/api\/v4\// }, act: { status: 503 } });
    const response = await fetch(`${t.serviceUrl}/api/ci/v1/deploy`, {
      method: 'POST',
      headers: {
        'bd-component': '1.0.0',
        authorization: `Bearer ${await door.token(door.job(door.pipeline(mr)))}`,
      },
      body: new URLSearchParams({
        merge_request_iid: String(mr.iid),
        app: '',
        directory: '.',
        context: '.',
        timeout: '1m',
      }),
    });
    expect(response.status).toBe(503);
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await response.text()).toMatch(/^The service cannot reach GitLab now: .+\n$/);
    lift();
  }, 90_000);

  it('a job whose token cannot be checked is told to come back', async () => {
    // Keys once read are good for an hour: a service that has just started has none.
    await t.stopService();
    await t.startService();
    const lift = t.gitlab.faults.add({ match: { path: /openid-configuration/ }, act: { status: 503 } });
    const answer = await door.deploy(await door.token(door.job(door.pipeline(mr))), mr.iid);
    expect(answer).toEqual({
      status: 503,
      text: `This service cannot check ID tokens now: ${t.gitlab.url}/.well-known/openid-configuration: it answered 503. Try again later.\n`,
    });
    lift();
  });

  it('the service is ready, degraded; with a token that GitLab rejects it is not', async () => {
    const degraded = await startWorld({ pipelines: false });
    degraded.gitlab.faults.add({ match: { path: /\/user$/ }, act: 'close' });
    expect(await readiness(degraded)).toEqual({
      code: 200,
      body: { status: 'degraded', gitlab: 'it cannot be reached now' },
    });

    const rejected = await startWorld({ pipelines: false });
    rejected.bot.tokens.splice(0);
    expect(await readiness(rejected)).toEqual({
      code: 503,
      body: {
        status: 'not ready',
        gitlab: 'it rejects the token: check BD_GITLAB_TOKEN (scope api, not expired)',
      },
    });
  });
});

describe('a job that meets a GitLab which is down', () => {
  it('waits for it, and ends well when it comes back; the preview that is there stays up', async () => {
    const t = await startWorld({ branchPipelines: false });
    const mr = await t.openMergeRequest('feature', { 'server.mjs': nodeServer('one') });
    await t.settled();
    const url = t.previewUrl(mr.iid);

    // Only what the service asks: the job itself must be able to start.
    const lift = t.gitlab.faults.add({ match: { path: /\/api\/v4\// }, act: 'close' });
    await t.push('feature', { 'server.mjs': nodeServer('two') });
    await until('the job to be told', () => t.deployJob(mr.iid)?.trace.includes('trying again in'));
    expect(t.deployJob(mr.iid)?.trace).toContain('The service answered with HTTP 503; trying again in ');
    expect(await t.preview(url)).toMatchObject({ status: 200, body: 'one' });
    expect(await readiness(t)).toMatchObject({ code: 200 });
    lift();
    await t.settled();
    expect(t.deployJob(mr.iid)).toMatchObject({ status: 'success', exitCode: 0 });
    expect(await t.preview(url)).toMatchObject({ status: 200, body: 'two' });
    expect(t.note(mr.iid)?.body).toContain(mr.sha.slice(0, 8));
  }, 120_000);

  it('ends well where only the note cannot be written, which then comes later', async () => {
    const t = await startWorld({ branchPipelines: false });
    const lift = t.gitlab.faults.add({ match: { method: 'POST', path: /\/notes/ }, act: { status: 500 } });
    const mr = await t.openMergeRequest('feature', { 'server.mjs': nodeServer('one') });
    await until('the job to end', () => t.deployJob(mr.iid)?.status === 'success');
    expect(await t.preview(t.previewUrl(mr.iid))).toMatchObject({ status: 200, body: 'one' });
    expect(t.note(mr.iid)).toBeUndefined();
    lift();
    await until('the note', () => t.note(mr.iid), 60_000);
    await t.settled();
    expect(t.note(mr.iid)?.body).toContain('Running');
  }, 120_000);

  it('writes one note where the answers to its requests are lost', async () => {
    const t = await startWorld({ branchPipelines: false });
    t.gitlab.faults.add({ match: { method: 'POST', path: /\/notes/ }, act: 'after-close', times: 2 });
    const mr = await t.openMergeRequest('feature', { 'server.mjs': nodeServer('one') });
    await t.settled();
    await until('the note to be right', () => t.note(mr.iid)?.body.includes('Running'));
    expect(t.gitlab.notes(t.project, mr.iid)).toHaveLength(1);
  }, 120_000);
});
