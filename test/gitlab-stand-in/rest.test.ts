import {
  Commits,
  Deployments,
  Environments,
  Jobs,
  MergeRequestNoteAwardEmojis,
  MergeRequestNotes,
  MergeRequests,
  Pipelines,
  ProjectMembers,
  Projects,
  Users,
} from '@gitbeaker/rest';
import { expect, test } from 'vitest';
import { withGitLab } from './with-gitlab.ts';

test('every call of the service works through gitbeaker, and none of them is a violation', () =>
  withGitLab(async ({ gitlab, project, ada, bot, mergeRequest }) => {
    const options = { host: gitlab.localUrl, token: 'secret-of-the-bot' };
    gitlab.onMergeRequestPipeline = async (forMergeRequest, user) => {
      const ref = `refs/merge-requests/${forMergeRequest.iid}/head`;
      const made = gitlab.createPipeline({
        project,
        sha: forMergeRequest.sha,
        ref,
        source: 'merge_request_event',
        user,
        mergeRequest: forMergeRequest,
      });
      gitlab.addJob(made, { name: 'deploy', stage: 'deploy', status: 'failed' });
      gitlab.addJob(made, { name: 'stop', stage: 'deploy', status: 'manual', when: 'manual' });
      return made;
    };
    gitlab.onRetryJob = async (job) =>
      gitlab.addJob(gitlab.pipeline(job.pipelineId), { name: job.name, stage: job.stage });
    gitlab.onPlayJob = async (job) => job;
    gitlab.onCancelJob = async (job) => {
      gitlab.setJobStatus(job, 'canceled');
      return job;
    };

    expect(await new Users(options).showCurrentUser()).toMatchObject({ id: bot.id, username: bot.username });
    expect(await new Projects(options).show(project.id)).toMatchObject({
      path_with_namespace: 'data/platform',
      default_branch: 'main',
    });
    expect(await new Projects(options).show('data/platform')).toMatchObject({ id: project.id });
    expect(await new ProjectMembers(options).show(project.id, ada.id, { includeInherited: true })).toMatchObject({
      access_level: 50,
    });
    expect(await new Commits(options).show(project.id, mergeRequest.sha)).toMatchObject({
      title: 'Print two',
      author_name: 'Ada',
    });

    const mergeRequests = new MergeRequests(options);
    expect(await mergeRequests.show(project.id, 1)).toMatchObject({
      iid: 1,
      state: 'opened',
      sha: mergeRequest.sha,
      source_branch: 'feature',
    });
    const pipeline = await mergeRequests.createPipeline(project.id, 1);
    expect(await mergeRequests.allPipelines(project.id, 1)).toMatchObject([
      { id: pipeline.id, ref: 'refs/merge-requests/1/head' },
    ]);
    expect(await new Pipelines(options).show(project.id, pipeline.id)).toMatchObject({
      source: 'merge_request_event',
      user: { username: bot.username },
    });

    const jobs = new Jobs(options);
    const [stop, deploy] = await jobs.all(project.id, { pipelineId: pipeline.id });
    expect([stop?.name, deploy?.name]).toEqual(['stop', 'deploy']);
    const retried = await jobs.retry(project.id, deploy?.id ?? 0);
    expect(retried.id).not.toBe(deploy?.id);
    await jobs.play(project.id, stop?.id ?? 0);
    await jobs.show(project.id, retried.id);
    await jobs.cancel(project.id, retried.id);
    expect(gitlab.job(retried.id).status).toBe('canceled');

    const notes = new MergeRequestNotes(options);
    const note = await notes.create(project.id, 1, 'Hello');
    expect(await notes.edit(project.id, 1, note.id, { body: 'Hello again' })).toMatchObject({ body: 'Hello again' });
    await new MergeRequestNoteAwardEmojis(options).award(project.id, 1, note.id, 'rocket');
    expect(await notes.show(project.id, 1, note.id)).toMatchObject({ author: { id: bot.id } });
    await notes.remove(project.id, 1, note.id);
    await expect(notes.show(project.id, 1, note.id)).rejects.toMatchObject({ cause: { response: { status: 404 } } });

    const environments = new Environments(options);
    const environment = await environments.create(project.id, 'review/mr-1', {
      externalUrl: 'https://one.example.com',
    });
    await environments.edit(project.id, environment.id, { externalUrl: 'https://two.example.com' });
    expect(await environments.all(project.id, { name: 'review/mr-1' })).toMatchObject([
      { external_url: 'https://two.example.com' },
    ]);
    await environments.stop(project.id, environment.id, { force: true } as never);
    expect(await environments.show(project.id, environment.id)).toMatchObject({ state: 'stopped' });
    const deployment = await new Deployments(options).create(
      project.id,
      'review/mr-1',
      mergeRequest.sha,
      'feature',
      false,
      { status: 'running' },
    );
    await new Deployments(options).edit(project.id, deployment.id, 'success');
    expect(await new Deployments(options).all(project.id, { environment: 'review/mr-1' })).toMatchObject([
      { status: 'success', deployable: null },
    ]);

    expect(gitlab.violations).toEqual([]);
  }));

test('gitbeaker reads all pages of a list', () =>
  withGitLab(async ({ gitlab, project, ada }) => {
    for (let number = 1; number <= 45; number += 1) await gitlab.comment(project, 1, ada, `Comment ${number}`);
    const notes = await new MergeRequestNotes({ host: gitlab.localUrl, token: 'secret-of-the-bot' }).all(
      project.id,
      1,
      { sort: 'asc' },
    );
    expect(notes.map(({ body }) => body)).toEqual(Array.from({ length: 45 }, (_, index) => `Comment ${index + 1}`));
    expect(gitlab.requests.at(-1)).toMatchObject({ status: 200, user: 'project_1_bot' });
  }));

test('who may not is refused as GitLab refuses', () =>
  withGitLab(async ({ gitlab, project, bot, call }) => {
    const anonymous = await fetch(`${gitlab.localUrl}/api/v4/user`);
    expect([anonymous.status, await anonymous.json()]).toEqual([401, { message: '401 Unauthorized' }]);
    gitlab.addMember(project, bot, 20);
    expect(await call('POST', `/projects/${project.id}/environments`, { name: 'a' })).toMatchObject({
      status: 403,
      body: { message: '403 Forbidden' },
    });
    gitlab.addMember(project, bot, 0);
    expect(await call('GET', `/projects/${project.id}`)).toMatchObject({
      status: 404,
      body: { message: '404 Project Not Found' },
    });
    gitlab.addGroupMember('data', bot, 30);
    expect((await call('GET', `/projects/${project.id}`)).status).toBe(200);
    expect(gitlab.violations).toEqual([]);
  }));

test('an unknown route, an unknown key and a wrong value are violations', () =>
  withGitLab(async ({ gitlab, project, call }) => {
    expect((await call('GET', `/projects/${project.id}/issues`)).status).toBe(501);
    expect(await call('PUT', `/projects/${project.id}/environments/1`, { externalUrl: 'x' })).toMatchObject({
      status: 400,
      body: { error: 'externalUrl is unknown' },
    });
    expect((await call('POST', `/projects/${project.id}/deployments`, { environment: 'a' })).status).toBe(400);
    expect((await call('GET', `/projects/${project.id}/environments?states=running`)).status).toBe(400);
    expect(gitlab.violations.map(({ method, path }) => `${method} ${path.replace(String(project.id), ':id')}`)).toEqual(
      [
        'GET /api/v4/projects/:id/issues',
        'PUT /api/v4/projects/:id/environments/1',
        'POST /api/v4/projects/:id/deployments',
        'GET /api/v4/projects/:id/environments?states=running',
      ],
    );
  }));

test('faults happen as often as asked: before, after, late and stale', () =>
  withGitLab(async ({ gitlab, project, mergeRequest, ada, call }) => {
    const path = `/projects/${project.id}/merge_requests/1`;
    gitlab.faults.add({
      match: { method: 'GET', path: /merge_requests/ },
      times: 1,
      act: { status: 429, body: 'Retry later', headers: { 'retry-after': '1' } },
    });
    const limited = await fetch(`${gitlab.localUrl}/api/v4${path}`, {
      headers: { 'PRIVATE-TOKEN': 'secret-of-the-bot' },
    });
    expect([limited.status, limited.headers.get('retry-after'), await limited.text()]).toEqual([
      429,
      '1',
      'Retry later',
    ]);
    expect((await call('GET', path)).body.sha).toBe(mergeRequest.sha);

    gitlab.faults.add({ match: { method: 'POST' }, times: 1, act: 'close' });
    await expect(call('POST', `${path}/notes`, { body: 'lost' })).rejects.toThrow();
    expect(gitlab.notes(project, 1)).toEqual([]);
    gitlab.faults.add({ match: { method: 'POST' }, times: 1, act: 'after-502' });
    await expect(call('POST', `${path}/notes`, { body: 'written' })).rejects.toThrow();
    expect(gitlab.notes(project, 1)).toMatchObject([{ body: 'written' }]);

    const before = mergeRequest.sha;
    const fresh = gitlab.faults.add({ match: { path: /merge_requests\/1$/ }, act: { staleReads: true } });
    const { sha } = await gitlab.push(project, 'feature', { files: { 'app.py': 'print(3)\n' }, author: ada });
    expect((await call('GET', path)).body.sha).toBe(before);
    fresh();
    expect((await call('GET', path)).body.sha).toBe(sha);
  }));

test("a pipeline that runs in a fork is listed only to who may read the fork's pipelines", () =>
  withGitLab(async ({ gitlab, project, bot, call }) => {
    const eve = gitlab.addUser('eve');
    const fork = await gitlab.fork(project, eve);
    const { sha } = await gitlab.push(fork, 'patch', { files: { a: '1' }, author: eve });
    const mergeRequest = await gitlab.openMergeRequest(project, {
      sourceBranch: 'patch',
      sourceProject: fork,
      author: eve,
    });
    const ref = 'refs/merge-requests/2/head';
    const pipeline = gitlab.createPipeline({
      project: fork,
      sha,
      ref,
      source: 'merge_request_event',
      user: eve,
      mergeRequest,
    });
    const path = `/projects/${project.id}/merge_requests/2/pipelines`;
    expect((await call('GET', path)).body).toEqual([]);
    gitlab.addMember(fork, bot, 20);
    expect((await call('GET', path)).body).toMatchObject([{ id: pipeline.id, project_id: fork.id }]);
    expect((await call('GET', `/projects/${project.id}/merge_requests/1/pipelines`)).body).toEqual([]);
  }));
