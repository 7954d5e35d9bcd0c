import { describe, expect, it } from 'vitest';
import { makeArchive } from '../store/bundles/archives.ts';
import { recordDeployment, setDeploymentStatus } from '../support/gitlab/acts/deployments.ts';
import { ensureEnvironment } from '../support/gitlab/acts/environments.ts';
import { until } from '../support/poll.ts';
import { nodeServer, startWorld, type World } from '../support/world.ts';
import { CiDoor } from './ci-door.ts';

const APP_FILE = { path: '.branch-deployment.yml', content: 'start: exec node server.mjs\nhealth: /healthz\n' };
/** Takes its time to end after TERM. */
const slowToEnd = nodeServer('slow').replace(
  /process\.on\('SIGTERM'.*/,
  "process.on('SIGTERM', () => setTimeout(() => process.exit(0), 1500));",
);

async function deployed(t: World, door: CiDoor, branch: string, source = nodeServer(branch)) {
  const mr = await t.openMergeRequest(branch, { 'README.md': branch });
  const pipeline = door.pipeline(mr);
  const token = await door.token(door.job(pipeline));
  const url = /^url (\S+)/m.exec((await door.deploy(token, mr.iid)).text)?.[1] as string;
  await door.upload(token, makeArchive([APP_FILE, { path: 'server.mjs', content: source }]));
  await until('it to be healthy', async () => /^exit 0/m.test((await door.call('GET', 'outcome', { token })).text));
  return { mr, pipeline, url };
}

describe('what comes late, or crosses something else', () => {
  it('a reopen during the teardown brings one instance back, and the next close removes it', async () => {
    const t = await startWorld({ pipelines: false });
    const door = new CiDoor(t);
    const { mr, url } = await deployed(t, door, 'slow', slowToEnd);

    await t.gitlab.closeMergeRequest(mr, t.dev);
    await until('the teardown to begin', async () => (await t.preview(url)).status === 410);
    await t.gitlab.reopenMergeRequest(mr, t.dev);
    await until('the preview to be back', async () => (await t.preview(url)).body === 'slow');
    await t.settled();

    expect(t.instances()).toEqual([expect.stringMatching(/-r2$/)]);
    expect(t.logLines.join('')).not.toContain('crashed');

    await t.gitlab.closeMergeRequest(mr, t.dev);
    await until('all instances to be gone', () => t.instances().length === 0);
  });

  it('a deploy job that ends after the close leaves no environment behind', async () => {
    const t = await startWorld({ pipelines: false });
    const door = new CiDoor(t);
    const mr = await t.openMergeRequest('late', { 'README.md': 'late' });
    const pipeline = door.pipeline(mr);
    const job = door.job(pipeline);
    const environment = ensureEnvironment(t.gitlab, t.project.id, { name: `review/mr-${mr.iid}` });
    const running = {
      ref: pipeline.ref,
      sha: pipeline.sha,
      status: 'running' as const,
      jobId: job.id,
      userId: t.dev.id,
    };
    const deployment = recordDeployment(t.gitlab, environment, running);
    const token = await door.token(job);
    await door.deploy(token, mr.iid);
    await door.upload(
      token,
      makeArchive([{ path: '.branch-deployment.yml', content: 'prepare: sleep 60\nstart: node server.mjs\n' }]),
    );
    await t.gitlab.closeMergeRequest(mr, t.dev);
    await until('the environment to be stopped', () => environment.state === 'stopped');

    setDeploymentStatus(t.gitlab, deployment, { status: 'success', externalUrl: t.serviceUrl });
    expect(environment.state).toBe('available');

    await until('the environment to be stopped again', () => environment.state === 'stopped');
  });

  it('a stop job that was queued before a reopen does nothing', async () => {
    const t = await startWorld({ pipelines: false });
    const door = new CiDoor(t);
    const { mr, pipeline, url } = await deployed(t, door, 'again');
    const stop = door.job(pipeline, { name: 'branch-deployment:stop', environmentAction: 'stop' });
    stop.startedAt = t.gitlab.time();
    stop.queuedSeconds = 0;
    await t.gitlab.closeMergeRequest(mr, t.dev);
    await t.settled();
    await t.gitlab.reopenMergeRequest(mr, t.dev);
    await until('the preview to be back', async () => (await t.preview(url)).body === 'again');

    const answer = await door.stop(await door.token(stop), mr.iid);

    expect(answer.text).toContain('say The branch was deployed again after this stop job was queued');
    await t.settled();
    expect((await t.preview(url)).body).toBe('again');
  });

  it('two merge requests never share an environment', async () => {
    const t = await startWorld({ pipelines: false });
    const door = new CiDoor(t);
    const ask = async (branch: string) => {
      const mr = await t.openMergeRequest(branch, { 'README.md': branch });
      return door.deploy(await door.token(door.job(door.pipeline(mr), { environmentName: 'review/shared' })), mr.iid);
    };

    expect((await ask('one')).status).toBe(200);
    expect(await ask('two')).toMatchObject({
      status: 422,
      text: expect.stringContaining('The environment "review/shared" is already that of the app "(unnamed)" of !1.'),
    });
  });

  it('a note that somebody deleted is made again, although nothing in it has changed', async () => {
    const t = await startWorld({ pipelines: false, env: { BD_SWEEP_EVERY: '1s' } });
    const { mr } = await deployed(t, new CiDoor(t), 'note');
    const note = await until('the note of what runs', () => {
      const written = t.note(mr.iid);
      return written?.body.includes('Running') ? written : undefined;
    });
    t.gitlab.deleteNote(t.project, mr.iid, note.id);

    expect((await until('the note to be back', () => t.note(mr.iid))).body).toBe(note.body);
  });
});
