import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Job, MergeRequest, Note, Pipeline } from '../support/gitlab/state.ts';
import { InstantRuntime } from '../support/instant-runtime.ts';
import { until } from '../support/poll.ts';
import { openWorld, type World } from '../support/world.ts';
import { CiDoor } from './ci-door.ts';
import { answering, closeAll, type Deployed, deploy } from './live.ts';

const runtime = new InstantRuntime();
let t: World;
let door: CiDoor;
/** Pipelines and jobs that GitLab made because it was asked to. */
let made: Array<Pipeline | Job>;

beforeAll(async () => {
  const service = { gitlab: { retry: { attempts: 1 } } };
  t = await openWorld({ pipelines: false, runtime, service });
  door = new CiDoor(t);
  t.gitlab.onRetryJob = async (job) => {
    const again = door.job(t.gitlab.pipeline(job.pipelineId), { name: job.name });
    made.push(again);
    return again;
  };
});
afterAll(() => t.close());
afterEach(async () => {
  t.gitlab.faults.clear();
  await closeAll(t, runtime);
});

let branches = 0;
/** A preview whose pipeline has ended, taken down, and its bundle gone from the disk. */
async function withoutCode(): Promise<{ readonly mr: MergeRequest; readonly branch: string } & Deployed> {
  const branch = `redeploy-${++branches}`;
  t.gitlab.onMergeRequestPipeline = null;
  const mr = await t.openMergeRequest(branch, { 'README.md': branch });
  const deployed = await deploy(door, mr, branch);
  t.gitlab.setJobStatus(deployed.job, 'success');
  t.gitlab.setPipelineStatus(deployed.pipeline, 'success');
  await say(mr, '/undeploy');
  await until('it to be taken down', async () => (await runtime.list()).length === 0);
  for (const bundle of t.bundles()) rmSync(join(t.dataDir, 'bundles', bundle));
  made = [];
  t.gitlab.onMergeRequestPipeline = async (mergeRequest) => {
    const pipeline = door.pipeline(mergeRequest);
    made.push(pipeline);
    return pipeline;
  };
  return { mr, branch, ...deployed };
}

async function say(mr: MergeRequest, body: string): Promise<Note> {
  const note = await t.gitlab.comment(t.project, mr.iid, t.dev, body);
  if (!note) throw new Error(`"${body}" left no note`);
  return note;
}
const answered = (note: Note) => until('the comment to be acknowledged', () => note.emojis.at(-1)?.name);
const replies = (mr: MergeRequest) =>
  t.gitlab.notes(t.project, mr.iid).filter(({ body }) => body.startsWith('<!-- branch-deployments:reply'));

describe('/deploy where the code is not here any more', () => {
  it('runs the deploy job of the head pipeline once more, which brings the preview back', async () => {
    const { mr, pipeline, url } = await withoutCode();
    const note = await say(mr, '/deploy');
    expect(await answered(note)).toBe('thumbsup');
    expect(made).toEqual([expect.objectContaining({ pipelineId: pipeline.id, name: 'branch-deployment:deploy' })]);
    expect(replies(mr)).toEqual([]);

    const token = await door.token(made[0] as Job);
    expect((await door.deploy(token, mr.iid)).text).toContain('upload yes');
    await door.upload(token, answering('back again'));
    await until('the preview to be back', async () => (await t.preview(url)).body === 'back again');
  });

  it('has a new pipeline made where GitLab does not retry the job', async () => {
    const { mr } = await withoutCode();
    t.gitlab.faults.add({ match: { method: 'POST', path: /\/retry$/ }, act: { status: 403, body: { message: 'no' } } });
    expect(await answered(await say(mr, '/deploy'))).toBe('thumbsup');
    expect(made).toEqual([expect.objectContaining({ ref: `refs/merge-requests/${mr.iid}/head`, sha: mr.sha })]);
  });

  it('has one pipeline made where the head has none, however many ask', async () => {
    const { mr, branch } = await withoutCode();
    t.gitlab.onMergeRequestPipeline = null;
    await t.push(branch, { 'README.md': 'no pipeline' });
    t.gitlab.onMergeRequestPipeline = async (mergeRequest) => {
      const pipeline = door.pipeline(mergeRequest);
      made.push(pipeline);
      return pipeline;
    };
    const notes = await Promise.all([say(mr, '/deploy'), say(mr, '/deploy'), say(mr, '/deploy')]);
    for (const note of notes) expect(await answered(note)).toBe('thumbsup');
    expect(made).toEqual([expect.objectContaining({ sha: mr.sha })]);

    // That one is on its way: nobody needs another.
    expect(await answered(await say(mr, '/deploy'))).toBe('thumbsup');
    expect(made).toHaveLength(1);
  });

  it.each(['after-502', 'after-close'] as const)('has one pipeline made where the answer is lost (%s)', async (act) => {
    const { mr, branch } = await withoutCode();
    const { onMergeRequestPipeline } = t.gitlab;
    t.gitlab.onMergeRequestPipeline = null;
    await t.push(branch, { 'README.md': 'no pipeline' });
    t.gitlab.onMergeRequestPipeline = onMergeRequestPipeline;
    t.gitlab.faults.add({ match: { method: 'POST', path: /\/pipelines$/ }, act, times: 1 });
    expect(await answered(await say(mr, '/deploy'))).toBe('thumbsup');
    expect(made).toHaveLength(1);
  });

  it('runs the job once where the answer is lost', async () => {
    const { mr } = await withoutCode();
    t.gitlab.faults.add({ match: { method: 'POST', path: /\/retry$/ }, act: 'after-502', times: 1 });
    expect(await answered(await say(mr, '/deploy'))).toBe('thumbsup');
    expect(made).toHaveLength(1);
  });

  it('has one pipeline made where the service ends before it has the answer', async () => {
    const { mr, branch } = await withoutCode();
    const { onMergeRequestPipeline } = t.gitlab;
    t.gitlab.onMergeRequestPipeline = null;
    await t.push(branch, { 'README.md': 'no pipeline' });
    t.gitlab.onMergeRequestPipeline = onMergeRequestPipeline;
    t.gitlab.faults.add({ match: { method: 'POST', path: /\/pipelines$/ }, act: 'after-close', times: 1 });
    const note = await say(mr, '/deploy');
    await until('the pipeline', () => made.length === 1);
    await t.stopService();
    await t.startService();
    expect(await answered(note)).toBe('thumbsup');
    expect(made).toHaveLength(1);
  });

  it('of two apps runs the deploy job of each, and makes one pipeline for both', async () => {
    const { mr, pipeline } = await withoutCode();
    const web = door.job(pipeline, { name: 'web:deploy', environmentName: 'review/web' });
    const token = await door.token(web);
    await door.deploy(token, mr.iid, { app: 'web' });
    t.gitlab.setJobStatus(web, 'failed');
    expect(await answered(await say(mr, '/deploy'))).toBe('thumbsup');
    expect(made).toEqual([
      expect.objectContaining({ pipelineId: pipeline.id }),
      expect.objectContaining({ pipelineId: pipeline.id }),
    ]);

    made = [];
    t.gitlab.setPipelineStatus(pipeline, 'success');
    t.gitlab.faults.add({ match: { method: 'POST', path: /\/retry$/ }, act: { status: 403, body: { message: 'no' } } });
    for (const { jobs } of t.gitlab.pipelines(t.project)) for (const job of jobs) t.gitlab.setJobStatus(job, 'failed');
    expect(await answered(await say(mr, '/deploy'))).toBe('thumbsup');
    expect(made).toEqual([expect.objectContaining({ ref: `refs/merge-requests/${mr.iid}/head` })]);
  });

  it('asks again only when GitLab can no longer be at work on it', async () => {
    const { mr } = await withoutCode();
    t.gitlab.faults.add({ match: { method: 'POST', path: /\/retry$/ }, act: { status: 502 }, times: 1 });
    const asks = () => t.gitlab.requests.filter(({ path }) => path.endsWith('/retry')).length;
    const before = asks();
    const note = await say(mr, '/deploy');
    await until('it to be asked', () => asks() === before + 1);
    t.clock.goOn(30_000);
    await t.gitlab.updateMergeRequest(mr, t.dev, { title: 'A hint' });
    const looks = t.gitlab.requests.length;
    await until('a look', () => t.gitlab.requests.slice(looks).some(({ path }) => /\/pipelines\/\d+\/jobs/.test(path)));
    expect([made, asks(), note.emojis]).toEqual([[], before + 1, []]);

    t.clock.goOn(40_000);
    await t.gitlab.updateMergeRequest(mr, t.dev, { title: 'Another hint' });
    expect(await answered(note)).toBe('thumbsup');
    expect(made).toHaveLength(1);
  });

  it('says on the comment that nothing could be done, where GitLab makes no pipeline', async () => {
    const { mr } = await withoutCode();
    t.gitlab.onMergeRequestPipeline = null;
    t.gitlab.faults.add({ match: { method: 'POST', path: /\/retry$/ }, act: { status: 403, body: { message: 'no' } } });
    expect(await answered(await say(mr, '/deploy'))).toBe('thumbsdown');
    await until('the reply', () => replies(mr).length === 1);
    expect(replies(mr)[0]?.body).toContain('GitLab did not start a pipeline');
  });

  it('starts nothing of a merge request from a fork, with its code or without', async () => {
    const fork = await t.gitlab.fork(t.project, t.gitlab.addUser('stranger'));
    const { mr } = await withoutCode();
    mr.sourceProjectId = fork.id;
    expect(await answered(await say(mr, '/deploy'))).toBe('thumbsdown');
    await until('the reply', () => replies(mr).length === 1);
    expect(replies(mr)[0]?.body).toContain('comes from a fork');
    expect([made, await runtime.list()]).toEqual([[], []]);
    mr.sourceProjectId = t.project.id;
  });
});
