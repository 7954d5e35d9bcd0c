import { describe, expect, test } from 'vitest';
import type { RequestReport } from '../../src/gitlab/exchange.ts';
import { defaultRetryPolicy, delayMs, retryAfterMs } from '../../src/gitlab/retry-policy.ts';
import { connect, failureOf } from './connect.ts';
import { ada, closedAddress, startScripted, wireNote } from './scripted-gitlab.ts';

describe('what is asked again', () => {
  test.each([429, 500, 502, 503, 504])('a read is repeated after %i', async (status) => {
    const server = await startScripted((_, tries) => (tries < 3 ? { status, json: { message: 'no' } } : { json: ada }));
    expect(await connect(server.url).currentUser()).toEqual(ada);
    expect(server.received).toHaveLength(3);
  });

  test('a read is repeated after the connection was closed', async () => {
    const server = await startScripted((_, tries) => (tries < 2 ? (r) => r.destroy() : { json: ada }));
    expect(await connect(server.url).currentUser()).toEqual(ada);
  });

  test('a read is repeated after an answer that broke off', async () => {
    const server = await startScripted((_, tries) =>
      tries < 2
        ? (r) => {
            r.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' });
            r.write('{"id":5', () => r.destroy());
          }
        : { json: ada },
    );
    expect(await connect(server.url).currentUser()).toEqual(ada);
  });

  test('a read is repeated after no answer in time', async () => {
    const server = await startScripted((_, tries) => (tries < 2 ? () => {} : { json: ada }));
    expect(await connect(server.url, { retry: { requestTimeoutMs: 100 } }).currentUser()).toEqual(ada);
  });

  test('an edit is repeated with the same body', async () => {
    const server = await startScripted((_, tries) =>
      tries < 2 ? { status: 502, text: '<html>' } : { json: wireNote(9) },
    );
    expect(await connect(server.url).editNote(1, 2, 9, 'new text')).toMatchObject({ id: 9 });
    expect(server.received.map(({ method, body }) => `${method} ${body}`)).toEqual([
      'PUT {"body":"new text"}',
      'PUT {"body":"new text"}',
    ]);
  });

  test('a new note is sent again after 429, which GitLab gives before it does anything', async () => {
    const server = await startScripted((_, tries) =>
      tries < 2
        ? { status: 429, text: 'Retry later', headers: { 'content-type': 'text/plain' } }
        : { status: 201, json: wireNote(9) },
    );
    expect(await connect(server.url).createNote(1, 2, 'hello')).toMatchObject({ id: 9 });
    expect(server.received).toHaveLength(2);
  });

  test.each([500, 502, 503, 504])('a new note is not sent again after %i', async (status) => {
    const server = await startScripted(() => ({ status, text: '<html>', headers: { 'retry-after': '0' } }));
    expect(await failureOf(connect(server.url).createNote(1, 2, 'hello'))).toMatchObject({
      failure: 'unreachable',
      status,
    });
    expect(server.received).toHaveLength(1);
  });

  test('a new note is not sent again after the connection was closed', async () => {
    const server = await startScripted(() => (r) => r.destroy());
    expect(await failureOf(connect(server.url).createNote(1, 2, 'hello'))).toMatchObject({
      failure: 'unreachable',
      message:
        'GitLab could not be reached for POST projects/1/merge_requests/2/notes: UND_ERR_SOCKET; GitLab may have acted all the same',
    });
    expect(server.received).toHaveLength(1);
  });

  test('a new note is tried again where nothing listened', async () => {
    const reports: RequestReport[] = [];
    const gitlab = connect(await closedAddress(), { onRequest: (report) => reports.push(report) });
    expect(await failureOf(gitlab.createNote(1, 2, 'hello'))).toMatchObject({
      failure: 'unreachable',
      message: 'GitLab could not be reached for POST projects/1/merge_requests/2/notes: ECONNREFUSED',
    });
    expect(reports.map(({ failure }) => failure)).toEqual(Array(4).fill('ECONNREFUSED'));
  });

  test('stopping an environment is repeated: stopped twice is stopped', async () => {
    const server = await startScripted((_, tries) => (tries < 2 ? { status: 502, text: '<html>' } : { json: {} }));
    await connect(server.url).stopEnvironment(1, 3);
    expect(server.received.map(({ method, url, body }) => `${method} ${url} ${body}`)).toEqual(
      Array(2).fill('POST /api/v4/projects/1/environments/3/stop {"force":true}'),
    );
  });

  test.each([400, 404, 409, 422])('nothing is repeated after %i', async (status) => {
    const server = await startScripted(() => ({ status, json: { message: 'no' } }));
    await failureOf(connect(server.url).currentUser());
    expect(server.received).toHaveLength(1);
  });

  test('it gives up after four tries, and says with what', async () => {
    const server = await startScripted(() => ({ status: 503, json: { message: 'GitLab is in maintenance' } }));
    expect(await failureOf(connect(server.url).project(7))).toMatchObject({
      failure: 'unreachable',
      status: 503,
      message: 'GitLab answered 503 to GET projects/7: GitLab is in maintenance',
    });
    expect(server.received).toHaveLength(4);
  });
});

describe('how long it waits', () => {
  test('Retry-After is waited for', async () => {
    const at: number[] = [];
    const server = await startScripted((_, tries) => {
      at.push(performance.now());
      return tries < 2 ? { status: 429, json: {}, headers: { 'retry-after': '1' } } : { json: ada };
    });
    await connect(server.url).currentUser();
    expect((at[1] ?? 0) - (at[0] ?? 0)).toBeGreaterThanOrEqual(990);
  });

  test('a Retry-After that is too long is not waited for but handed on', async () => {
    const server = await startScripted(() => ({ status: 429, json: {}, headers: { 'retry-after': '1' } }));
    const gitlab = connect(server.url, { retry: { maxRetryAfterMs: 900 } });
    expect(await failureOf(gitlab.currentUser())).toMatchObject({ failure: 'rate-limited', retryAfterMs: 1_000 });
    expect(server.received).toHaveLength(1);
  });

  test('no wait goes beyond the time that all tries have', async () => {
    const server = await startScripted(() => ({ status: 503, json: {}, headers: { 'retry-after': '5' } }));
    const startedAt = performance.now();
    const error = await failureOf(connect(server.url, { retry: { totalMs: 1_000 } }).currentUser());
    expect(error).toMatchObject({ failure: 'unreachable', retryAfterMs: 5_000 });
    expect(performance.now() - startedAt).toBeLessThan(1_000);
  });

  test('a GitLab that never answers is given up when the time for all tries is over', async () => {
    const server = await startScripted(() => () => {});
    const startedAt = performance.now();
    const retry = { requestTimeoutMs: 300, totalMs: 700 };
    expect(await failureOf(connect(server.url, { retry }).currentUser())).toMatchObject({
      failure: 'unreachable',
      message: 'GitLab could not be reached for GET user: no answer in time',
    });
    expect(performance.now() - startedAt).toBeLessThan(1_500);
    expect(server.received.length).toBeGreaterThan(1);
  });

  test('Retry-After is seconds or a date, else RateLimit-Reset is read', () => {
    const now = Date.parse('2026-01-01T00:00:00Z');
    const read = (headers: Record<string, string>) => retryAfterMs(new Headers(headers), now);
    expect(read({ 'retry-after': '7' })).toBe(7_000);
    expect(read({ 'retry-after': 'Thu, 01 Jan 2026 00:00:09 GMT' })).toBe(9_000);
    expect(read({ 'retry-after': 'Wed, 31 Dec 2025 00:00:00 GMT' })).toBe(0);
    expect(read({ 'retry-after': 'soon', 'ratelimit-reset': String(now / 1000 + 3) })).toBe(3_000);
    expect(read({ 'retry-after': '-1x' })).toBeUndefined();
    expect(read({})).toBeUndefined();
  });

  test('two clients do not come back at the same moment', () => {
    const policy = defaultRetryPolicy;
    const waits = Array.from({ length: 50 }, () => delayMs(policy, 1, 2_000));
    expect(new Set(waits).size).toBeGreaterThan(1);
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(2_000);
    expect(Math.max(...waits)).toBeLessThanOrEqual(2_000 + policy.firstDelayMs);
    expect(delayMs(policy, 3, undefined)).toBeGreaterThanOrEqual(policy.firstDelayMs * 2);
  });
});

test('every try is reported with a route that is fit for a label', async () => {
  const reports: RequestReport[] = [];
  const server = await startScripted((_, tries) => (tries < 2 ? { status: 502, text: '' } : { json: [] }));
  await connect(`${server.url}/gitlab`, { onRequest: (report) => reports.push(report) }).notes(12, 34);
  expect(reports.map(({ method, route, status }) => `${method} ${route} ${status}`)).toEqual([
    'GET projects/:id/merge_requests/:id/notes 502',
    'GET projects/:id/merge_requests/:id/notes 200',
  ]);
  expect(reports.every(({ ms }) => ms > 0)).toBe(true);
});
