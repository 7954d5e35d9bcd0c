import { describe, expect, it } from 'vitest';
import { until } from '../support/poll.ts';
import { nodeServer, startWorld } from '../support/world.ts';

const isAlive = (pid: number) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

describe('a service that is started anew', () => {
  it('takes over the instance that runs, and what happened while it was away', async () => {
    const t = await startWorld({ branchPipelines: false });
    const mr = await t.openMergeRequest('feature', { 'server.mjs': nodeServer('one') });
    const other = await t.openMergeRequest('other', { 'server.mjs': nodeServer('other') });
    await t.settled();
    const url = t.previewUrl(mr.iid);
    const pid = Number((await t.preview(url, { path: '/pid' })).body);
    const edits = t.note(mr.iid)?.edits;

    await t.stopService();
    expect(isAlive(pid)).toBe(true);
    await t.gitlab.closeMergeRequest(other, t.dev);
    await t.startService();

    expect((await t.preview(url, { path: '/pid' })).body).toBe(String(pid));
    await t.settled();
    expect(t.instances().filter((name) => name.startsWith('mr-1-'))).toEqual([expect.stringMatching(/-r1$/)]);
    expect(t.note(mr.iid)?.edits).toBe(edits);

    await t.push('feature', { 'server.mjs': nodeServer('two') });
    await t.settled();
    expect(await t.preview(url)).toMatchObject({ status: 200, body: 'two' });
    await until('the old process to be gone', () => !isAlive(pid));
  });

  it('repairs an instance that died while it was away', async () => {
    const t = await startWorld({ branchPipelines: false });
    const mr = await t.openMergeRequest('feature', { 'server.mjs': nodeServer('one') });
    await t.settled();
    const url = t.previewUrl(mr.iid);
    const pid = Number((await t.preview(url, { path: '/pid' })).body);
    await t.stopService();
    process.kill(pid, 'SIGKILL');
    await until('the process to be gone', () => !isAlive(pid));
    await t.startService();
    await until('the preview to be back', async () => (await t.preview(url)).body === 'one');
    expect(Number((await t.preview(url, { path: '/pid' })).body)).not.toBe(pid);
  });

  it('finishes a setup that it was in the middle of, while the job waits', async () => {
    const t = await startWorld({ branchPipelines: false });
    const mr = await t.openMergeRequest('slow', {
      '.branch-deployment.yml': 'prepare: echo preparing && sleep 3\nstart: node server.mjs\nhealth: /healthz\n',
      'server.mjs': nodeServer('slow'),
    });
    await until('the app to be prepared', () => t.deployJob(mr.iid)?.trace.includes('\npreparing\n'));
    await t.stopService();
    await t.startService();
    await t.settled();
    const job = t.deployJob(mr.iid);
    expect(job).toMatchObject({ status: 'success', exitCode: 0 });
    expect(await t.preview(t.previewUrl(mr.iid))).toMatchObject({ status: 200, body: 'slow' });
    expect(t.instances()).toHaveLength(1);
    expect(job?.trace.match(/^==> Healthy after/gm) ?? []).toHaveLength(1);
  });
});
