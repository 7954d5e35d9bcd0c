import { describe, expect, it } from 'vitest';
import { until } from '../support/poll.ts';
import { nodeServer, startWorld } from '../support/world.ts';

describe('the whole way', () => {
  it('a merge request is deployed, linked, replaced by a second push, and removed when it is merged', async () => {
    const t = await startWorld();

    const mr = await t.openMergeRequest(
      'feature',
      { 'server.mjs': nodeServer('first') },
      { title: 'Sell more', message: 'Sell more' },
    );
    await t.settled();

    const job = t.deployJob(mr.iid);
    expect(job?.trace).toContain('Healthy after');
    expect(job).toMatchObject({ status: 'success', exitCode: 0 });
    const url = t.previewUrl(mr.iid);
    expect(url).toMatch(/^http:\/\/mr-1-shop-[a-z0-9]{8}\.localhost:\d+$/);
    expect(await t.preview(url)).toMatchObject({ status: 200, body: 'first' });
    expect(t.gitlab.environment(t.project, 'review/mr-1')).toMatchObject({
      state: 'available',
      externalUrl: url,
      tier: 'development',
    });
    expect(t.note(mr.iid)?.body).toContain(`(${url})`);
    expect(t.note(mr.iid)?.body).toContain('Sell more');

    await t.push('feature', { 'server.mjs': nodeServer('second') }, { message: 'Sell even more' });
    await t.settled();

    expect(await t.preview(url)).toMatchObject({ status: 200, body: 'second' });
    expect(t.previewUrl(mr.iid)).toBe(url);
    expect(t.note(mr.iid)?.body).toContain('Sell even more');
    expect(t.instances()).toEqual([expect.stringMatching(/-r2$/)]);

    await t.gitlab.mergeMergeRequest(mr, t.dev);
    await t.settled();

    await until('the preview to be gone', async () => (await t.preview(url)).status === 410);
    expect(t.gitlab.environment(t.project, 'review/mr-1')?.state).toBe('stopped');
    expect(t.instances()).toEqual([]);
    expect(t.note(mr.iid)?.body).toContain('merged');
    expect(t.bundles()).toEqual([]);
    expect(t.gitlab.mentions).toEqual([]);
  });
});
