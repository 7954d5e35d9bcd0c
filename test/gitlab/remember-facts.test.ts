import { expect, test } from 'vitest';
import { rememberFacts } from '../../src/gitlab/remember-facts.ts';
import { connect, failureOf } from './connect.ts';
import { ada, startScripted } from './scripted-gitlab.ts';

const project = { id: 3, path_with_namespace: 'data/shop', web_url: 'https://gitlab.example.com/data/shop' };
const pipeline = {
  id: 9,
  project_id: 3,
  status: 'running',
  sha: 'a'.repeat(40),
  ref: 'refs/merge-requests/1/head',
  created_at: '',
};

test('a project is asked for once in a minute, also by many at the same time', async () => {
  const server = await startScripted((_request, count) => ({
    json: { ...project, path_with_namespace: count === 1 ? 'data/shop' : 'data/store' },
  }));
  let now = 0;
  const gitlab = rememberFacts(connect(server.url), { now: () => now, isAllowed: () => true });
  await Promise.all([gitlab.project(3), gitlab.project(3)]);
  now = 59_999;
  expect((await gitlab.project(3)).path).toBe('data/shop');
  expect(server.received).toHaveLength(1);
  now = 60_000;
  expect((await gitlab.project(3)).path).toBe('data/store');
});

test('another project, and the same pipeline of another project, are asked for', async () => {
  const server = await startScripted(({ url }) => ({ json: url.includes('/pipelines/') ? pipeline : project }));
  const gitlab = rememberFacts(connect(server.url), { now: () => 0, isAllowed: () => true });
  for (const id of [3, 4, 3, 4]) await gitlab.project(id);
  for (const id of [3, 4, 3, 4]) await gitlab.pipeline(id, 9);
  expect(server.received.map(({ url }) => url)).toEqual([
    '/api/v4/projects/3',
    '/api/v4/projects/4',
    '/api/v4/projects/3/pipelines/9',
    '/api/v4/projects/4/pipelines/9',
  ]);
});

test('what failed is asked again', async () => {
  const server = await startScripted((_request, count) =>
    count === 1 ? { status: 404, json: { message: '404 Not found' } } : { json: pipeline },
  );
  const gitlab = rememberFacts(connect(server.url), { now: () => 0, isAllowed: () => true });
  expect(await failureOf(gitlab.pipeline(3, 9))).toMatchObject({ failure: 'not-found' });
  expect(await gitlab.pipeline(3, 9)).toMatchObject({ id: 9 });
});

test("the token's user is asked for once, and again where that failed; whether the token is taken is asked each time", async () => {
  const server = await startScripted((_request, count) => (count === 1 ? { status: 403, json: {} } : { json: ada }));
  const gitlab = connect(server.url);
  await failureOf(gitlab.ownUser());
  expect(await Promise.all([gitlab.ownUser(), gitlab.ownUser()])).toEqual([ada, ada]);
  expect(server.received).toHaveLength(2);
  await gitlab.currentUser();
  expect(server.received).toHaveLength(3);
});

test('a project that is refused is asked for each time', async () => {
  const server = await startScripted(() => ({ json: project }));
  const gitlab = rememberFacts(connect(server.url), { now: () => 0, isAllowed: ({ path }) => path !== 'data/shop' });
  await gitlab.project(3);
  await gitlab.project(3);
  expect(server.received).toHaveLength(2);
});
