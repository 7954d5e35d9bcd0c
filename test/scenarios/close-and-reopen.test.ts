import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { MergeRequest } from '../support/gitlab/state.ts';
import { until } from '../support/poll.ts';
import { nodeServer, openWorld, startWorld, type World } from '../support/world.ts';

let t: World;

beforeAll(async () => {
  t = await openWorld({ branchPipelines: false });
});
afterAll(() => t.close());

const environmentOf = (mr: MergeRequest) => t.gitlab.environment(t.project, `review/mr-${mr.iid}`);
const instancesOf = (mr: MergeRequest) => t.instances().filter((name) => name.startsWith(`mr-${mr.iid}-`));
const pipelinesOf = (mr: MergeRequest) =>
  t.gitlab.pipelines(t.project).filter((pipeline) => pipeline.mergeRequestIid === mr.iid);

async function open(branch: string): Promise<{ mr: MergeRequest; url: string }> {
  const mr = await t.openMergeRequest(branch, { 'server.mjs': nodeServer(branch) });
  await t.settled();
  const url = t.previewUrl(mr.iid);
  expect(await t.preview(url)).toMatchObject({ status: 200, body: branch });
  return { mr, url };
}

describe('a merge request that is closed', () => {
  it('is taken down, keeps its bundle, and comes back without a pipeline when it is reopened, again and again', async () => {
    const { mr, url } = await open('closed');
    const bundles = t.bundles();
    const pipelines = pipelinesOf(mr).length;

    for (const round of [1, 2]) {
      await t.gitlab.closeMergeRequest(mr, t.dev);
      await t.settled();
      expect(instancesOf(mr)).toEqual([]);
      expect(environmentOf(mr)?.state).toBe('stopped');
      expect(t.bundles()).toEqual(bundles);
      expect(await t.preview(url)).toMatchObject({ status: 410 });
      expect(t.note(mr.iid)?.body).toContain('closed');

      await t.gitlab.reopenMergeRequest(mr, t.dev);
      await t.settled();
      expect(await t.preview(url)).toMatchObject({ status: 200, body: 'closed' });
      expect(instancesOf(mr)).toEqual([expect.stringMatching(new RegExp(`-r${round + 1}$`))]);
      expect(environmentOf(mr)).toMatchObject({ state: 'available', externalUrl: url });
      expect(t.note(mr.iid)?.body).toContain(`(${url})`);
      expect(pipelinesOf(mr)).toHaveLength(pipelines);
    }
  });

  it('is gone for good when it is merged after all', async () => {
    const { mr, url } = await open('closed-then-merged');
    await t.gitlab.closeMergeRequest(mr, t.dev);
    await t.settled();
    const kept = t.bundles().length;
    await t.gitlab.reopenMergeRequest(mr, t.dev);
    await t.gitlab.mergeMergeRequest(mr, t.dev, { removeSourceBranch: true });
    await t.settled();
    expect(instancesOf(mr)).toEqual([]);
    expect(t.bundles()).toHaveLength(kept - 1);
    expect(environmentOf(mr)?.state).toBe('stopped');
    expect(await t.preview(url)).toMatchObject({ status: 410 });
    expect(t.note(mr.iid)?.body).toContain('merged');
  });

  it('while its job still waits: the job is told, and nothing stays', async () => {
    const mr = await t.openMergeRequest('closed-meanwhile', {
      '.branch-deployment.yml': 'prepare: sleep 30\nstart: node server.mjs\nhealth: /healthz\n',
    });
    await until('the instance to be there', () => instancesOf(mr).length === 1);
    await t.gitlab.closeMergeRequest(mr, t.dev);
    await t.settled();
    expect(instancesOf(mr)).toEqual([]);
    expect(t.deployJob(mr.iid)).toMatchObject({ exitCode: 0 });
    expect(t.deployJob(mr.iid)?.trace).toContain('Superseded: the merge request was closed.');
    await until('the environment to be stopped', () => environmentOf(mr)?.state === 'stopped');
  });
});

describe('a merge request that is merged', () => {
  it('leaves nothing: no instance, no bundle, no available environment', async () => {
    const before = t.bundles();
    const { mr } = await open('merged');
    expect(t.bundles()).toHaveLength(before.length + 1);
    await t.gitlab.mergeMergeRequest(mr, t.dev);
    await t.settled();
    expect(instancesOf(mr)).toEqual([]);
    expect(t.bundles()).toEqual(before);
    expect(environmentOf(mr)?.state).toBe('stopped');
  });
});

describe('what an app stores', () => {
  const PERSISTING = [
    'persist: [data/]',
    'prepare: date >> data/seen; date >> "$BRANCH_DEPLOYMENT_DATA_DIR/own"',
    'start: node server.mjs',
    'health: /healthz',
  ].join('\n');
  const SERVER = `import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
const { BRANCH_DEPLOYMENT_DATA_DIR: own, PORT, HOST } = process.env;
const lines = (path) => readFileSync(path, 'utf8').trim().split('\\n').length;
const told = () => [readFileSync('data/seed', 'utf8').trim(), lines('data/seen'), lines(own + '/own')].join(' ');
createServer((req, res) => res.end(req.url === '/healthz' ? 'ok' : told())).listen(Number(PORT), HOST);
`;

  it('is there after a push, and gone with its deployment', async () => {
    const mr = await t.openMergeRequest('stores', {
      '.branch-deployment.yml': PERSISTING,
      'server.mjs': SERVER,
      'data/seed': 'first',
    });
    await t.settled();
    const url = t.previewUrl(mr.iid);
    expect(await t.preview(url)).toMatchObject({ status: 200, body: 'first 1 1' });
    expect(t.deployJob(mr.iid)?.trace).toContain('persist: data: begins with what this push has there');

    await t.push('stores', { 'data/seed': 'second' });
    await t.settled();
    expect(await t.preview(url)).toMatchObject({ status: 200, body: 'first 2 2' });
    expect(t.deployJob(mr.iid)?.trace).toContain('persist: data: as earlier pushes left it');

    await t.gitlab.closeMergeRequest(mr, t.dev);
    await t.settled();
    await t.gitlab.reopenMergeRequest(mr, t.dev);
    await t.settled();
    expect(await t.preview(url)).toMatchObject({ status: 200, body: 'second 1 1' });

    await t.gitlab.mergeMergeRequest(mr, t.dev);
    await t.settled();
    const folders = readdirSync(join(t.dataDir, 'deployments'));
    expect(folders.filter((name) => name.startsWith(`mr-${mr.iid}-`))).toEqual([]);
  });
});

it('a merge whose webhook was lost is found by the sweep', async () => {
  const world = await startWorld({ branchPipelines: false, env: { BD_SWEEP_EVERY: '5s' } });
  const mr = await world.openMergeRequest('lost', { 'server.mjs': nodeServer('lost') });
  await until('the preview to be linked', () => world.deployJob(mr.iid)?.status === 'success');
  const url = world.previewUrl(mr.iid);
  world.project.hooks.splice(0);
  // GitLab plays the stop job on merge; a runner may have none to play it with.
  world.gitlab.onPlayStopJob = null;
  await world.gitlab.mergeMergeRequest(mr, world.dev);
  expect(await world.preview(url)).toMatchObject({ status: 200 });
  await until('the merge to be found', async () => (await world.preview(url)).status === 410);
  await until('all of it to be gone', () => world.instances().length === 0 && world.bundles().length === 0);
  await until(
    'the environment to be stopped',
    () => world.gitlab.environment(world.project, 'review/mr-1')?.state === 'stopped',
  );
});
