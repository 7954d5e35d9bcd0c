import { expect, test } from 'vitest';
import { connect, failureOf } from './connect.ts';
import { ada, startScripted, wireNote } from './scripted-gitlab.ts';

test('all pages of the notes are read, oldest first', async () => {
  const all = Array.from({ length: 250 }, (_, index) => wireNote(index + 1));
  const server = await startScripted(({ url, headers }) => {
    const query = new URL(url, 'http://x').searchParams;
    const page = Number(query.get('page') ?? 1);
    const size = Number(query.get('per_page') ?? 20);
    const link = `<http://${headers.host}/api/v4/projects/1/merge_requests/2/notes?order_by=created_at&page=${page + 1}&per_page=${size}&sort=asc>; rel="next"`;
    return { json: all.slice((page - 1) * size, page * size), headers: page * size < all.length ? { link } : {} };
  });
  const notes = await connect(server.url).notes(1, 2);
  expect(notes.map(({ id }) => id)).toEqual(all.map(({ id }) => id));
  expect(notes[0]).toEqual({ id: 1, body: 'note 1', author: ada, system: false, createdAt: Date.UTC(2026, 0, 1) });
  expect(server.received.map(({ url }) => url.split('?')[1])).toEqual([
    'sort=asc&order_by=created_at&per_page=100',
    'order_by=created_at&page=2&per_page=100&sort=asc',
    'order_by=created_at&page=3&per_page=100&sort=asc',
  ]);
});

test('merge requests are asked for by their numbers, a hundred with each request', async () => {
  const wire = (iid: number) => ({
    ...{
      iid,
      project_id: 1,
      state: 'opened',
      title: `Change ${iid}`,
      web_url: `https://gitlab/a/b/-/merge_requests/${iid}`,
    },
    ...{
      references: { full: `a/b!${iid}` },
      source_branch: 'x',
      target_branch: 'main',
      sha: 'f'.repeat(40),
      author: ada,
    },
    ...{ updated_at: '2026-01-01T00:00:00.000Z', user_notes_count: 1 },
  });
  const server = await startScripted(({ url }) => ({
    json: new URL(url, 'http://x').searchParams.getAll('iids[]').map((iid) => wire(Number(iid))),
  }));
  const iids = Array.from({ length: 250 }, (_, index) => index + 1);
  const found = await connect(server.url).mergeRequestsOf(1, iids);
  expect(found.map(({ iid }) => iid)).toEqual(iids);
  expect(found[0]).toMatchObject({ state: 'opened', notesCount: 1, updatedAt: '2026-01-01T00:00:00.000Z' });
  const asked = server.received.map(({ url }) => new URL(url, 'http://x').searchParams);
  expect(asked.map((query) => query.getAll('iids[]').length)).toEqual([100, 100, 50]);
  expect(asked[0]?.get('per_page')).toBe('100');
  expect(await connect(server.url).mergeRequestsOf(1, [])).toEqual([]);
});

test('the newest hundred notes are one request, and come oldest first', async () => {
  const server = await startScripted(({ headers }) => ({
    json: [wireNote(250), wireNote(249)],
    headers: { link: `<http://${headers.host}/api/v4/projects/1/merge_requests/2/notes?page=2>; rel="next"` },
  }));
  const notes = await connect(server.url).recentNotes(1, 2);
  expect(notes.map(({ id }) => id)).toEqual([249, 250]);
  expect(server.received.map(({ url }) => url.split('?')[1])).toEqual([
    'sort=desc&order_by=created_at&per_page=100&page=1',
  ]);
});

test('available environments are read from all pages, by the beginning of their names where GitLab can search for it', async () => {
  const all = Array.from({ length: 150 }, (_, index) => ({
    id: index,
    name: `review/mr-${index}`,
    state: 'available',
  }));
  const server = await startScripted(({ url, headers }) => {
    const page = Number(new URL(url, 'http://x').searchParams.get('page') ?? 1);
    const link = `<http://${headers.host}/api/v4/projects/1/environments?page=2&per_page=100&search=review&states=available>; rel="next"`;
    return { json: all.slice((page - 1) * 100, page * 100), headers: page === 1 ? { link } : {} };
  });
  expect(await connect(server.url).availableEnvironments(1, 'review')).toHaveLength(150);
  await connect(server.url).availableEnvironments(1, 're');
  expect(server.received.map(({ url }) => new URL(url, 'http://x').searchParams.get('search'))).toEqual([
    ...['review', 'review'],
    ...[null, 'review'],
  ]);
});

test('pipelines of a merge request come newest first, whatever the order of the answer', async () => {
  const pipeline = (id: number, projectId: number) => ({
    id,
    project_id: projectId,
    sha: 'a'.repeat(40),
    ref: 'refs/merge-requests/2/head',
    source: 'merge_request_event',
    status: 'success',
    web_url: 'https://gl/x/-/pipelines/1',
    created_at: '2026-01-01T00:00:00Z',
  });
  const server = await startScripted(() => ({ json: [pipeline(3, 1), pipeline(9, 8), pipeline(4, 1)] }));
  const pipelines = await connect(server.url).mergeRequestPipelines(1, 2);
  expect(pipelines.map(({ id, projectId }) => [id, projectId])).toEqual([
    [9, 8],
    [4, 1],
    [3, 1],
  ]);
  expect(pipelines[0]?.user).toBeNull();
  expect(server.received[0]?.url).toBe('/api/v4/projects/1/merge_requests/2/pipelines?per_page=100');
});

test('closes, reopens and merges of a merge request come oldest first, whatever the order of the answer', async () => {
  const event = (id: number, state: string) => ({
    id,
    user: ada,
    created_at: `2026-01-01T00:00:0${id}.250Z`,
    resource_type: 'MergeRequest',
    resource_id: 7,
    state,
  });
  const server = await startScripted(() => ({ json: [event(2, 'reopened'), event(3, 'merged'), event(1, 'closed')] }));
  expect(await connect(server.url).stateChanges(1, 2)).toEqual([
    { ended: true, at: Date.UTC(2026, 0, 1, 0, 0, 1, 250) },
    { ended: false, at: Date.UTC(2026, 0, 1, 0, 0, 2, 250) },
    { ended: true, at: Date.UTC(2026, 0, 1, 0, 0, 3, 250) },
  ]);
  expect(server.received[0]?.url).toBe('/api/v4/projects/1/merge_requests/2/resource_state_events?per_page=100');
});

test('the files of a commit are read from all pages, folders and submodules left out', async () => {
  const entry = (path: string, type: string, mode: string) => ({ id: `id of ${path}`, name: 'x', path, type, mode });
  const pages = [
    [entry('a', 'tree', '040000'), entry('a/b.txt', 'blob', '100644'), entry('run', 'blob', '100755')],
    [entry('link', 'blob', '120000'), entry('vendored', 'commit', '160000')],
  ];
  const server = await startScripted(({ url, headers }) => {
    const page = Number(new URL(url, 'http://x').searchParams.get('page') ?? 1);
    const link = `<http://${headers.host}/api/v4/projects/1/repository/tree?page=2&per_page=100>; rel="next"`;
    return { json: pages[page - 1], headers: page === 1 ? { link } : {} };
  });
  const gitlab = connect(server.url);
  expect(await gitlab.committedFiles(1, 'f'.repeat(40))).toEqual([
    { path: 'a/b.txt', kind: 'file', id: 'id of a/b.txt' },
    { path: 'run', kind: 'file', id: 'id of run' },
    { path: 'link', kind: 'link', id: 'id of link' },
  ]);
  expect(server.received[0]?.url).toBe(
    `/api/v4/projects/1/repository/tree?ref=${'f'.repeat(40)}&recursive=true&per_page=100`,
  );
  expect(await failureOf(gitlab.committedFiles(1, 'main'))).toMatchObject({ failure: 'invalid' });
});
