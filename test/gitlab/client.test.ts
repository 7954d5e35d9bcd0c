import { expect, test } from 'vitest';
import { connect, failureOf, TOKEN } from './connect.ts';
import { ada, startScripted } from './scripted-gitlab.ts';

test.each(['', '/', '/gitlab', '/gitlab/'])('the base URL may end in %j', async (end) => {
  const server = await startScripted(() => ({ json: { ...ada, extra: true } }));
  expect(await connect(`${server.url}${end}`).currentUser()).toEqual(ada);
  expect(server.received[0]?.url).toBe(`${end.replace(/\/$/, '')}/api/v4/user`);
});

test('each request carries the token and says who asks', async () => {
  const server = await startScripted(() => ({ json: ada }));
  await connect(server.url).currentUser();
  expect(server.received[0]?.headers).toMatchObject({
    'private-token': TOKEN,
    'user-agent': 'branch-deployments/test',
    accept: 'application/json',
  });
});

test('a merge request whose fork is gone keeps its other facts', async () => {
  const server = await startScripted(() => ({
    json: {
      iid: 2,
      project_id: 1,
      state: 'merged',
      title: 'T',
      draft: true,
      web_url: 'https://gl/x/-/merge_requests/2',
      references: { short: '!2', relative: '!2', full: 'x!2' },
      source_project_id: null,
      source_branch: 'b',
      target_branch: 'main',
      sha: 'f'.repeat(40),
      author: { ...ada, avatar_url: null },
      labels: [],
    },
  }));
  expect(await connect(server.url).mergeRequest(1, 2)).toEqual({
    projectId: 1,
    iid: 2,
    state: 'merged',
    title: 'T',
    draft: true,
    webUrl: 'https://gl/x/-/merge_requests/2',
    projectPath: 'x',
    projectUrl: 'https://gl/x',
    sourceProjectId: null,
    sourceBranch: 'b',
    targetBranch: 'main',
    headSha: 'f'.repeat(40),
    author: ada,
  });
});

test("what GitLab's API says is not there is null, and nobody's role is 0", async () => {
  const server = await startScripted(({ method, url }) =>
    url.includes('environments?') ? { json: [] } : { status: 404, json: { message: `404 ${method} Not found` } },
  );
  const gitlab = connect(server.url);
  expect(await gitlab.mergeRequest(1, 2)).toBeNull();
  expect(await gitlab.note(1, 2, 3)).toBeNull();
  expect(await gitlab.editNote(1, 2, 3, 'x')).toBeNull();
  expect(await gitlab.projectByPath('group/sub/gone')).toBeNull();
  expect(await gitlab.environment(1, 'review/mr-2')).toBeNull();
  expect(await gitlab.accessLevel(1, 5)).toBe(0);
  expect(await failureOf(gitlab.project(1))).toMatchObject({ failure: 'not-found', status: 404 });
  expect(server.received.map(({ url }) => url)).toContain('/api/v4/projects/group%2Fsub%2Fgone');
  expect(server.received.map(({ url }) => url)).toContain('/api/v4/projects/1/members/all/5');
});

test('a moved project is found by its old path', async () => {
  const project = { id: 7, path_with_namespace: 'group/new', web_url: 'https://gl/group/new' };
  const server = await startScripted(({ url }) =>
    url.endsWith('/7') ? { json: project } : { status: 301, headers: { location: '/api/v4/projects/7' } },
  );
  expect(await connect(server.url).projectByPath('group/old')).toEqual({
    id: 7,
    path: 'group/new',
    webUrl: 'https://gl/group/new',
    defaultBranch: null,
    mergeRequests: 'enabled',
  });
  expect(server.received[1]?.headers['private-token']).toBe(TOKEN);
});

test('a path without a slash is no project: GitLab would take it for an id', async () => {
  const server = await startScripted(() => ({ json: {} }));
  expect(await connect(server.url).projectByPath('42')).toBeNull();
  expect(server.received).toEqual([]);
});

test('inherited roles count, those of blocked people do not', async () => {
  const server = await startScripted(({ url }) => ({
    json: { access_level: 40, state: url.endsWith('/5') ? 'active' : 'blocked' },
  }));
  expect(await connect(server.url).accessLevel(1, 5)).toBe(40);
  expect(await connect(server.url).accessLevel(1, 6)).toBe(0);
});

test('a commit is asked for by its id only', async () => {
  const sha = 'abcdef0123'.repeat(4);
  const server = await startScripted(() => ({
    json: {
      id: sha,
      title: 'Mend it',
      message: 'Mend it\n\nLong.',
      author_name: 'Ada',
      author_email: 'ada@example.com',
      committed_date: '2026-01-01T02:00:00.000+02:00',
      parent_ids: ['1'.repeat(40)],
      web_url: 'https://gl/c',
    },
  }));
  const gitlab = connect(server.url);
  expect(await gitlab.commit(1, sha)).toMatchObject({ sha, timestamp: 1_767_225_600, parentShas: ['1'.repeat(40)] });
  expect(await failureOf(gitlab.commit(1, '..'))).toMatchObject({
    failure: 'invalid',
    message: '".." is no commit id',
  });
  expect(server.received).toHaveLength(1);
});

test('a note of nothing but quick actions is a fault: GitLab ran them and wrote none', async () => {
  const server = await startScripted(() => ({ status: 202, json: { commands_changes: { labels: ['x'] } } }));
  expect(await failureOf(connect(server.url).createNote(1, 2, '/label ~x'))).toMatchObject({
    failure: 'invalid',
    message: 'GitLab took the whole note as quick actions and wrote none',
  });
});

test('an emoji that is there already is fine, any other refusal is not', async () => {
  const taken = { message: '404 Award Emoji Name has already been taken Not Found' };
  const server = await startScripted((_, tries) => ({
    status: 404,
    json: tries < 2 ? taken : { message: '404 Not found' },
  }));
  const gitlab = connect(server.url);
  await gitlab.awardNote(1, 2, 3, 'rocket');
  expect(await failureOf(gitlab.awardNote(1, 2, 3, 'rocket'))).toMatchObject({ failure: 'not-found' });
  expect(server.received[0]).toMatchObject({
    method: 'POST',
    url: '/api/v4/projects/1/merge_requests/2/notes/3/award_emoji',
    body: '{"name":"rocket"}',
  });
});

test('an environment is found by its exact name, linked, and made available by a deployment', async () => {
  const server = await startScripted(({ method, url }) => {
    if (method === 'GET') {
      const one = (id: number, name: string) => ({ id, name, state: 'stopped', external_url: null });
      return { json: [one(3, 'review/mr-20'), one(4, 'review/mr-2')] };
    }
    return { status: url.endsWith('deployments') ? 201 : 200, json: { id: 5 } };
  });
  const gitlab = connect(server.url);
  expect(await gitlab.environment(1, 'review/mr-2')).toEqual({
    id: 4,
    name: 'review/mr-2',
    state: 'stopped',
    externalUrl: null,
  });
  await gitlab.setEnvironmentUrl(1, 4, 'https://mr-2.example.com');
  await gitlab.createDeployment(1, { environment: 'review/mr-2', sha: 'a'.repeat(40), ref: 'feature' });
  expect(server.received.map(({ method, url }) => `${method} ${url}`)).toEqual([
    'GET /api/v4/projects/1/environments?name=review%2Fmr-2&per_page=100',
    'PUT /api/v4/projects/1/environments/4',
    'POST /api/v4/projects/1/deployments',
    'PUT /api/v4/projects/1/deployments/5',
  ]);
  expect(server.received.slice(1).map(({ body }) => JSON.parse(body))).toEqual([
    { external_url: 'https://mr-2.example.com' },
    { environment: 'review/mr-2', sha: 'a'.repeat(40), ref: 'feature', tag: false, status: 'running' },
    { status: 'success' },
  ]);
});

test('an answer without a body is a success where none is read', async () => {
  const server = await startScripted(() => (response) => response.writeHead(204).end());
  await connect(server.url).stopEnvironment(1, 3);
});
