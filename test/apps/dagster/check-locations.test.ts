import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createLocationCheck } from '../../../src/apps/dagster/check-locations.ts';
import type { DagsterLocation, DagsterSpec } from '../../../src/deployment/app-spec.ts';
import { freePort, until } from '../../support/poll.ts';

let server: Server | undefined;
const asked: string[] = [];

afterEach(() => {
  server?.closeAllConnections();
  server?.close();
  server = undefined;
  asked.length = 0;
});

/** A webserver that gives one answer to every question about its workspace, and none to a reload. */
async function webserver(workspace: unknown): Promise<{ host: string; port: number }> {
  server = createServer(async (req, res) => {
    const body = JSON.parse(await new Response(req as unknown as ReadableStream, {}).text()) as { query: string };
    asked.push(body.query.includes('reloadRepositoryLocation') ? 'reload' : 'read');
    if (asked.at(-1) === 'read') res.end(JSON.stringify({ data: { workspaceOrError: workspace } }));
  });
  await new Promise<void>((done) => server?.listen(0, '127.0.0.1', done));
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
}

function spec(...names: string[]): DagsterSpec {
  const locations = names.map(
    (name) => ({ name: name.replace('?', ''), optional: name.endsWith('?') }) as DagsterLocation,
  );
  return { locations } as unknown as DagsterSpec;
}

const entry = (name: string, error?: { className: string; message: string }, loadStatus = 'LOADED') => ({
  name,
  loadStatus,
  defsStateInfo: null,
  locationOrLoadError: error
    ? { __typename: 'PythonError', stack: ['  File "x.py", line 1\n'], ...error }
    : { __typename: 'RepositoryLocation', repositories: [repository({ assetNodesConnection: { nodes: [{}] } })] },
});

function repository(has: Record<string, unknown> = {}) {
  return { assetNodesConnection: { nodes: [] }, jobs: [], schedules: [], sensors: [], ...has };
}

const loaded = (name: string, repositories: object[]) => ({
  ...entry(name),
  locationOrLoadError: { __typename: 'RepositoryLocation', repositories },
});

describe('health of Dagster', () => {
  it('waits for a location that the webserver does not know or is loading', async () => {
    const endpoint = await webserver({ locationEntries: [entry('a'), entry('b', undefined, 'LOADING')] });

    expect(await createLocationCheck()(spec('a', 'b', 'c'), endpoint)).toEqual({
      state: 'waiting',
      detail: 'location b is being loaded, location c is being loaded',
    });
  });

  it('has the webserver look again for a code server that did not listen, once at a time', async () => {
    const unreachable = { className: 'DagsterUserCodeUnreachableError', message: 'Could not reach user code server' };
    const endpoint = await webserver({ locationEntries: [entry('a', unreachable)] });
    const check = createLocationCheck();

    const first = await check(spec('a'), endpoint);
    await until('the reload', () => asked.includes('reload'));
    await check(spec('a'), endpoint);

    expect(first).toMatchObject({ state: 'waiting', detail: 'location a is not answering yet' });
    expect(asked.filter((one) => one === 'reload')).toHaveLength(1);

    // The webserver breaks off: whoever waits hears of it, and the next look asks once more.
    server?.closeAllConnections();
    await (first.state === 'waiting' ? first.news : undefined);
    await check(spec('a'), endpoint);
    await until('another reload', () => asked.filter((one) => one === 'reload').length === 2);
  });

  it('has it look for none where nothing listens yet', async () => {
    const unreachable = { className: 'DagsterUserCodeUnreachableError', message: 'Could not reach user code server' };
    const endpoint = await webserver({ locationEntries: [entry('a', unreachable), entry('b', unreachable)] });
    const check = createLocationCheck();

    const silent = await check(spec('a', 'b'), endpoint, { silent: ['location-0', 'location-1'] });
    expect(silent).toEqual({
      state: 'waiting',
      detail: 'location a is not answering yet, location b is not answering yet',
    });
    await check(spec('a', 'b'), endpoint, { silent: ['location-0'] });
    await until('a reload', () => asked.includes('reload'));

    expect(asked).toEqual(['read', 'read', 'reload']);
  });

  it('fails with every location that is needed and broken', async () => {
    const broken = { className: 'ValueError', message: 'ValueError: no\n' };
    const endpoint = await webserver({ locationEntries: [entry('a', broken), entry('b', broken), entry('c')] });

    const health = await createLocationCheck()(spec('a', 'b?', 'c'), endpoint);

    expect(health).toEqual({
      state: 'failed',
      message: 'location a could not be loaded: ValueError: no\n  File "x.py", line 1',
      parts: [
        { name: 'a', state: 'failed', message: 'ValueError: no\n  File "x.py", line 1' },
        { name: 'b', state: 'failed', message: 'ValueError: no\n  File "x.py", line 1' },
        { name: 'c', state: 'healthy' },
      ],
    });
  });

  it('fails where a component was loaded without its state, also beside definitions that are there', async () => {
    const keyStateInfo = [
      { name: 'Tables[a]', info: null },
      { name: 'Tables[b]', info: { version: '__local__' } },
      { name: 'Tables[c]', info: null },
    ];
    const endpoint = await webserver({ locationEntries: [{ ...entry('a'), defsStateInfo: { keyStateInfo } }] });

    const health = await createLocationCheck()(spec('a'), endpoint);

    const message = expect.stringMatching(
      /components without state, and so without their definitions: Tables\[a\], Tables\[c\]\. The state is made by "dg utils refresh-defs-state"/,
    );
    expect(health).toEqual({ state: 'failed', message, parts: [{ name: 'a', state: 'failed', message }] });
  });

  it('names ten of the components at most', async () => {
    const keyStateInfo = Array.from({ length: 40 }, (_, index) => ({ name: `T${index}`, info: null }));
    const endpoint = await webserver({ locationEntries: [{ ...entry('a'), defsStateInfo: { keyStateInfo } }] });

    const health = await createLocationCheck()(spec('a?'), endpoint);

    expect(health).toMatchObject({
      state: 'healthy',
      parts: [{ message: expect.stringContaining(', T9 and 30 more.') }],
    });
  });

  it('warns of a location that has nothing at all, and not of one that has anything', async () => {
    const endpoint = await webserver({
      locationEntries: [
        loaded('none', [repository()]),
        loaded('job', [repository(), repository({ jobs: [{}] })]),
        loaded('schedule', [repository({ schedules: [{}] })]),
        loaded('sensor', [repository({ sensors: [{}] })]),
      ],
    });

    expect(await createLocationCheck()(spec('none', 'job', 'schedule', 'sensor'), endpoint)).toEqual({
      state: 'healthy',
      parts: [
        { name: 'none', state: 'healthy', message: 'it has no asset, job, schedule or sensor' },
        { name: 'job', state: 'healthy' },
        { name: 'schedule', state: 'healthy' },
        { name: 'sensor', state: 'healthy' },
      ],
    });
  });

  it('fails where the workspace itself cannot be read', async () => {
    const endpoint = await webserver({ className: 'E', message: 'E: bad workspace', stack: [] });

    expect(await createLocationCheck()(spec('a'), endpoint)).toEqual({
      state: 'failed',
      message: 'the workspace cannot be loaded: E: bad workspace',
      parts: [],
    });
  });

  it('waits while nothing listens', async () => {
    const port = await freePort();

    expect(await createLocationCheck()(spec('a'), { host: '127.0.0.1', port })).toEqual({
      state: 'waiting',
      detail: 'the webserver: not listening yet',
    });
  });
});
