import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { JOB_ENDS_MS } from '../../src/deployment/job-end.ts';
import { makeArchive } from '../store/bundles/archives.ts';
import type { MergeRequest, Pipeline } from '../support/gitlab/state.ts';
import { until } from '../support/poll.ts';
import { nodeServer, openWorld, type World } from '../support/world.ts';
import { CiDoor } from './ci-door.ts';

let t: World;

beforeAll(async () => {
  t = await openWorld({ branchPipelines: false });
});
afterAll(() => t.close());

const instancesOf = (mr: MergeRequest) => t.instances().filter((name) => name.startsWith(`mr-${mr.iid}-`));
const environmentOf = (mr: MergeRequest) => t.gitlab.environment(t.project, `review/mr-${mr.iid}`);

/** Oldest first. */
const pipelinesOf = (mr: MergeRequest) =>
  t.gitlab
    .pipelines(t.project)
    .filter((pipeline) => pipeline.mergeRequestIid === mr.iid)
    .sort((a, b) => a.id - b.id);

async function playStop(pipeline: Pipeline) {
  const job = t.ci.job(pipeline.id, 'branch-deployment:stop');
  t.ci.playJob(job.id, t.dev);
  await t.settled();
  return job;
}

describe('the stop job', () => {
  it('takes the deployment down when a person plays it', async () => {
    const mr = await t.openMergeRequest('stop', { 'server.mjs': nodeServer('stop') });
    await t.settled();
    const [pipeline] = pipelinesOf(mr);
    const job = await playStop(pipeline as Pipeline);
    expect(job).toMatchObject({ status: 'success', exitCode: 0 });
    expect(job.trace).toContain('The branch deployment is being removed.');
    await until('the instance to be gone', () => instancesOf(mr).length === 0);
    expect(environmentOf(mr)?.state).toBe('stopped');
    expect(t.note(mr.iid)?.body).toContain('/deploy');
  });

  it('of an older pipeline does nothing, and the environment stays available', async () => {
    const mr = await t.openMergeRequest('old-stop', { 'server.mjs': nodeServer('one') });
    await t.settled();
    await t.push('old-stop', { 'server.mjs': nodeServer('two') });
    await t.settled();
    const [older, newer] = pipelinesOf(mr);
    const url = t.previewUrl(mr.iid);
    const job = await playStop(older as Pipeline);
    expect(job).toMatchObject({ status: 'success', exitCode: 0 });
    expect(job.trace).toContain(
      `A newer pipeline (${newer?.id}) has deployed since: this stop job is of an older one (${older?.id}) and does nothing.`,
    );
    expect(await t.preview(url)).toMatchObject({ status: 200, body: 'two' });
    // GitLab marks the environment stopped at the end of any stop job that succeeds.
    await until('the environment to be stopped', () => environmentOf(mr)?.state === 'stopped');
    t.clock.goOn(JOB_ENDS_MS);
    await t.gitlab.updateMergeRequest(mr, t.dev, { title: 'A hint' });
    await until('the environment to be available again', () => environmentOf(mr)?.state === 'available');
    expect(environmentOf(mr)?.externalUrl).toBe(url);
  });
});

describe('a job that is run again', () => {
  it('reports the healthy revision that is there, and starts nothing', async () => {
    const mr = await t.openMergeRequest('again', { 'server.mjs': nodeServer('again') });
    await t.settled();
    const pid = await t.preview(t.previewUrl(mr.iid), { path: '/pid' });
    const edits = t.note(mr.iid)?.edits;
    t.ci.retryJob(t.deployJob(mr.iid)?.id ?? 0, t.dev);
    await t.settled();
    const job = t.deployJob(mr.iid);
    expect(job).toMatchObject({ status: 'success', exitCode: 0 });
    expect(job?.trace).toContain('The same files of the same commit are deployed already (revision 1).');
    expect(instancesOf(mr)).toEqual([expect.stringMatching(/-r1$/)]);
    expect(await t.preview(t.previewUrl(mr.iid), { path: '/pid' })).toMatchObject({ body: pid.body });
    expect(t.note(mr.iid)?.edits).toBe(edits);
  });

  it('tries a failed one again', async () => {
    // Works from the second try on: what fails may lie outside of the branch.
    const flag = `${t.dataDir}/flag-of-the-test`;
    const app = `import { existsSync, writeFileSync } from 'node:fs';
if (!existsSync('${flag}')) { writeFileSync('${flag}', ''); console.log('not yet'); process.exit(3); }
${nodeServer('second try')}`;
    const mr = await t.openMergeRequest('failed', { 'server.mjs': app });
    await t.settled();
    expect(t.deployJob(mr.iid)).toMatchObject({ status: 'failed', exitCode: 1 });
    t.ci.retryJob(t.deployJob(mr.iid)?.id ?? 0, t.dev);
    await t.settled();
    expect(t.deployJob(mr.iid)).toMatchObject({ status: 'success', exitCode: 0 });
    expect(instancesOf(mr)).toEqual([expect.stringMatching(/-r2$/)]);
    expect(await t.preview(t.previewUrl(mr.iid))).toMatchObject({ body: 'second try' });
  });
});

describe('an upload that the same job repeats', () => {
  it('is one revision, one after the other and at the same time', async () => {
    const world = await openWorld({ pipelines: false });
    try {
      const door = new CiDoor(world);
      const archive = makeArchive([
        { path: '.branch-deployment.yml', content: 'start: node server.mjs\n' },
        { path: 'server.mjs', content: nodeServer('upload') },
      ]);
      const mr = await world.openMergeRequest('feature', { 'README.md': 'x' });
      const token = await door.token(door.job(door.pipeline(mr)));
      for (let i = 0; i < 2; i++) expect((await door.deploy(token, mr.iid)).text).toContain('upload yes\n');
      const answers = await Promise.all([door.upload(token, archive), door.upload(token, archive)]);
      expect(answers.map(({ status }) => status)).toEqual([200, 200]);
      const third = await door.upload(token, archive);
      expect(third.text).toContain('say This job has sent its archive before.\n');
      expect((await door.deploy(token, mr.iid)).text).not.toContain('upload yes');
      await world.settled();
      expect(world.instances()).toEqual([expect.stringMatching(/-r1$/)]);
      expect(world.bundles()).toHaveLength(1);
      expect((await door.call('GET', 'outcome', { token })).text).toMatch(/exit 0\n$/);
    } finally {
      await world.close();
    }
  });
});
