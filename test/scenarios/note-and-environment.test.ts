import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rows } from '../reconcile/sweep/swept-world.ts';
import { resolveCommit } from '../support/gitlab/git/git.ts';
import { nodeProject, nodeServer, openWorld, startWorld, type World } from '../support/world.ts';

let t: World;

beforeAll(async () => {
  t = await openWorld({ branchPipelines: false });
});
afterAll(() => t.close());

describe('the note', () => {
  it('is made again, once, where somebody deleted it', async () => {
    const mr = await t.openMergeRequest('deleted', { 'server.mjs': nodeServer('one') });
    await t.settled();
    const first = t.note(mr.iid);
    t.gitlab.deleteNote(t.project, mr.iid, first?.id ?? 0);
    expect(t.note(mr.iid)).toBeUndefined();
    await t.push('deleted', { 'server.mjs': nodeServer('two') }, { message: 'Second commit' });
    await t.settled();
    expect(t.note(mr.iid)?.id).not.toBe(first?.id);
    expect(t.note(mr.iid)?.body).toContain('Second commit');
    expect(t.gitlab.notes(t.project, mr.iid)).toHaveLength(1);
  });

  it('is not written, and nothing is redeployed, when a draft mark, labels, an approval or the description change', async () => {
    const mr = await t.openMergeRequest('draft', { 'server.mjs': nodeServer('draft') });
    await t.settled();
    const url = t.previewUrl(mr.iid);
    const pid = (await t.preview(url, { path: '/pid' })).body;
    const note = { ...t.note(mr.iid) };
    await t.gitlab.updateMergeRequest(mr, t.dev, { title: `Draft: ${mr.title}`, labels: ['data'] });
    await t.gitlab.updateMergeRequest(mr, t.dev, { description: 'More\n/words', approved: true });
    await t.gitlab.comment(t.project, mr.iid, t.dev, 'Looks good');
    await t.settled();
    expect((await t.preview(url, { path: '/pid' })).body).toBe(pid);
    expect(t.note(mr.iid)).toMatchObject({ id: note.id, edits: note.edits, body: note.body });
  });

  it('is written a few times at most in the life of a push', async () => {
    const mr = await t.openMergeRequest('few', { 'server.mjs': nodeServer('few') });
    await t.settled();
    expect(t.note(mr.iid)?.edits).toBeLessThanOrEqual(1);
    const edits = t.note(mr.iid)?.edits ?? 0;
    await t.push('few', { 'server.mjs': nodeServer('few more') });
    await t.settled();
    expect((t.note(mr.iid)?.edits ?? 0) - edits).toBeLessThanOrEqual(2);
  });

  it('cannot be made to act or to mention by the text of a commit', async () => {
    const message = '/close | <!-- x --> @dev <img src=x onerror=alert(1)> `&lt;` [a](javascript:b)\n\n/approve';
    const mr = await t.openMergeRequest('hostile', { 'server.mjs': nodeServer('hostile') }, { message, title: 'x' });
    await t.settled();
    expect(t.deployJob(mr.iid)?.status).toBe('success');
    expect(t.gitlab.quickActions).toEqual([]);
    expect(t.gitlab.mentions).toEqual([]);
    expect(mr.state).toBe('opened');
    expect(t.note(mr.iid)?.body).not.toMatch(/(?<!\\)<img/);
  });
});

describe('two apps of one project', () => {
  it('have one note with a row each, and an environment each', async () => {
    const include = (app: string) => {
      const ci = nodeProject(t.serviceUrl, {
        app,
        job_prefix: app,
        environment_name: `review/${app}-$CI_MERGE_REQUEST_IID`,
        directory: `apps/${app}`,
        context: `apps/${app}`,
      })['.gitlab-ci.yml'] as string;
      return ci.replace(/^include:\n/, '');
    };
    const appFile = 'preset: command\nstart: node server.mjs\nhealth: /healthz\n';
    const mr = await t.openMergeRequest('two', {
      '.gitlab-ci.yml': `include:\n${include('web')}${include('api')}`,
      'apps/web/.branch-deployment.yml': appFile,
      'apps/web/server.mjs': nodeServer('the web'),
      'apps/api/.branch-deployment.yml': appFile,
      'apps/api/server.mjs': nodeServer('the api'),
    });
    await t.settled();
    for (const app of ['web', 'api']) {
      expect(t.deployJob(mr.iid, `${app}:deploy`)).toMatchObject({ status: 'success', exitCode: 0 });
      const url = t.previewUrl(mr.iid, `review/${app}-${mr.iid}`);
      expect(url).toMatch(new RegExp(`//mr-${mr.iid}-${app}-[a-z0-9]{8}\\.localhost`));
      expect(await t.preview(url)).toMatchObject({ body: `the ${app}` });
      expect(t.note(mr.iid)?.body).toContain(`(${url})`);
    }
    expect(t.gitlab.notes(t.project, mr.iid)).toHaveLength(1);

    await t.gitlab.mergeMergeRequest(mr, t.dev);
    await t.settled();
    expect(t.instances().filter((name) => name.startsWith(`mr-${mr.iid}-`))).toEqual([]);
    for (const app of ['web', 'api'])
      expect(t.gitlab.environment(t.project, `review/${app}-${mr.iid}`)?.state).toBe('stopped');
  });
});

describe('a project with merged results', () => {
  it("deploys what the merged result holds, and calls it by the branch's head commit", async () => {
    const world = await startWorld({ branchPipelines: false, mergedResults: true });
    await world.push('feature', { 'server.mjs': nodeServer('branch') }, { message: 'The work' });
    await world.push('main', { 'CHANGELOG.md': 'meanwhile' }, { message: 'Meanwhile' });
    const mr = await world.gitlab.openMergeRequest(world.project, { sourceBranch: 'feature', author: world.dev });
    await world.settled();
    const [pipeline] = world.gitlab.pipelines(world.project);
    expect(pipeline?.ref).toBe('refs/merge-requests/1/merge');
    expect(pipeline?.sha).not.toBe(mr.sha);
    expect(world.deployJob(mr.iid)).toMatchObject({ status: 'success', exitCode: 0 });
    const env = JSON.parse((await world.preview(world.previewUrl(mr.iid), { path: '/env' })).body);
    expect(env.DAGSTER_CLOUD_GIT_SHA).toBe(mr.sha);
    // What a comparison begins at: the branch's own commit has not what came from the target.
    const [revision] = rows<{ mergedInto: string }>(
      world,
      'select "commit" ->> \'mergedInto\' as mergedInto from revisions',
    );
    expect(revision?.mergedInto).toBe(await resolveCommit(world.project.repository, 'main'));
    expect(world.note(mr.iid)?.body).toContain(mr.sha.slice(0, 8));
    expect(world.note(mr.iid)?.body).toContain('The work');
  });
});
