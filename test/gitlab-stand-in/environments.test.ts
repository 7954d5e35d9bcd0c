import { expect, test } from 'vitest';
import { environmentSlug, nameFault, urlFault } from '../support/gitlab/acts/environments.ts';
import type { Job } from '../support/gitlab/state.ts';
import { type World, withGitLab } from './with-gitlab.ts';

/** A deploy job of a merge-request pipeline that ran. */
function deploy({ gitlab, project, mergeRequest, ada }: World): Job {
  const ref = 'refs/merge-requests/1/head';
  const pipeline = gitlab.createPipeline({
    project,
    sha: mergeRequest.sha,
    ref,
    source: 'merge_request_event',
    user: ada,
    mergeRequest,
  });
  const job = gitlab.addJob(pipeline, {
    name: 'deploy',
    stage: 'deploy',
    environmentName: 'review/mr-1',
    environmentAction: 'start',
  });
  const deployment = gitlab.startDeployment(job, { onStop: 'stop', tier: 'development' });
  gitlab.finishDeployment(deployment, 'success', { externalUrl: 'https://mr-1.example.com' });
  return job;
}

test('a deploy job makes the environment, and its success writes the link', () =>
  withGitLab(async (world) => {
    deploy(world);
    expect(world.gitlab.environment(world.project, 'review/mr-1')).toMatchObject({
      state: 'available',
      externalUrl: 'https://mr-1.example.com',
      tier: 'development',
    });
  }));

test('a plain stop plays the stop job, and a forced one does not', () =>
  withGitLab(async (world) => {
    const { gitlab, project, call } = world;
    deploy(world);
    const played: string[] = [];
    gitlab.onPlayStopJob = async (environment) => {
      played.push(environment.onStop?.job ?? '');
    };
    const environment = gitlab.environment(project, 'review/mr-1');
    if (!environment) throw new Error('no environment');
    const path = `/projects/${project.id}/environments/${environment.id}`;
    expect((await call('POST', `${path}/stop`)).body.state).toBe('stopping');
    expect(played).toEqual(['stop']);
    gitlab.environmentStopped(environment);
    expect((await call('POST', `${path}/stop`, { force: true })).status).toBe(400);

    deploy(world);
    expect((await call('DELETE', path)).status).toBe(403);
    expect((await call('POST', `${path}/stop`, { force: true })).body.state).toBe('stopped');
    expect(played).toEqual(['stop']);
    expect((await call('DELETE', path)).status).toBe(204);
    expect(gitlab.environment(project, 'review/mr-1')).toBeUndefined();
  }));

test('only a new deployment makes a stopped environment available: neither its URL nor an equal deployment does', () =>
  withGitLab(async (world) => {
    const { gitlab, project, mergeRequest, call } = world;
    deploy(world);
    const environment = gitlab.environment(project, 'review/mr-1');
    if (!environment) throw new Error('no environment');
    gitlab.environmentStopped(environment);
    await call('PUT', `/projects/${project.id}/environments/${environment.id}`, {
      external_url: 'https://new.example.com',
    });
    expect(environment.state).toBe('stopped');
    const equal = {
      environment: 'review/mr-1',
      sha: mergeRequest.sha,
      ref: 'refs/merge-requests/1/head',
      tag: false,
      status: 'success',
    };
    await call('POST', `/projects/${project.id}/deployments`, equal);
    expect(environment.state).toBe('stopped');
    const { body } = await call('POST', `/projects/${project.id}/deployments`, { ...equal, status: 'running' });
    await call('PUT', `/projects/${project.id}/deployments/${body.id}`, { status: 'success' });
    expect(environment).toMatchObject({ state: 'available', externalUrl: 'https://new.example.com' });
  }));

test('a deployment of a commit or ref that the project does not have is refused', () =>
  withGitLab(async ({ project, mergeRequest, call }) => {
    const path = `/projects/${project.id}/deployments`;
    const deployment = {
      environment: 'review/mr-1',
      sha: mergeRequest.sha,
      ref: 'feature',
      tag: false,
      status: 'success',
    };
    expect((await call('POST', path, { ...deployment, sha: 'f'.repeat(40) })).body).toEqual({
      message: { sha: ['The commit does not exist'] },
    });
    expect((await call('POST', path, { ...deployment, ref: 'gone' })).body).toEqual({
      message: { ref: ['The branch or tag does not exist'] },
    });
    expect((await call('POST', path, deployment)).status).toBe(201);
  }));

test('closing a merge request stops the environments of its head pipeline', () =>
  withGitLab(async (world) => {
    const { gitlab, project, mergeRequest, ada, call } = world;
    deploy(world);
    await call('POST', `/projects/${project.id}/environments`, { name: 'by-api' });
    gitlab.onPlayStopJob = async (environment) => gitlab.environmentStopped(environment);
    await gitlab.closeMergeRequest(mergeRequest, ada);
    expect(gitlab.environments(project).map(({ name, state }) => `${name} ${state}`)).toEqual([
      'review/mr-1 stopped',
      'by-api available',
    ]);
  }));

test('names and URLs that GitLab does not take are refused', async () => {
  expect(['review/mr-1', 'a b', '$X-{1}', 'v1.0'].map(nameFault)).toEqual([undefined, undefined, undefined, undefined]);
  for (const name of ['', '/a', 'a/', 'a!', 'ä', 'a'.repeat(256)]) expect(nameFault(name), name).toBeDefined();
  expect(urlFault('https://a.example.com/x')).toBeUndefined();
  for (const url of ['ftp://a', 'javascript:alert(1)', 'nothing', `https://a/${'x'.repeat(255)}`])
    expect(urlFault(url), url).toBeDefined();
  await withGitLab(async ({ project, call }) => {
    const answer = await call('POST', `/projects/${project.id}/environments`, { name: 'review/!' });
    expect([answer.status, Object.keys(answer.body.message as object)]).toEqual([400, ['name']]);
  });
});

test('slugs are as GitLab makes them', () => {
  expect(environmentSlug('production')).toBe('production');
  expect(environmentSlug('review/mr-7')).toMatch(/^review-mr-7-[a-z0-9]{6}$/);
  expect(environmentSlug('1')).toMatch(/^env-1-[a-z0-9]{6}$/);
  expect(environmentSlug('averylongnameofanenvironment')).toMatch(/^averylongnameofan-[a-z0-9]{6}$/);
});
