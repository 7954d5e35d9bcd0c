import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { findUv } from '../apps/dagster/uv.ts';
import { fixtureFiles } from '../support/projects.ts';
import { componentInclude, startWorld, type World } from '../support/world.ts';

const DEFINITIONS = 'src/quickstart/definitions.py';

/** The fixture's files, with the component included. */
function dagsterProject(serviceUrl: string): Record<string, string> {
  return { ...fixtureFiles('dagster-quickstart'), '.gitlab-ci.yml': componentInclude(serviceUrl) };
}

async function assetKeys(t: World, url: string): Promise<string[]> {
  const answer = await t.preview(url, {
    path: '/graphql',
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query: '{ assetNodes { assetKey { path } } }' }),
  });
  const nodes = (JSON.parse(answer.body) as { data: { assetNodes: Array<{ assetKey: { path: string[] } }> } }).data
    .assetNodes;
  return nodes.map((node) => node.assetKey.path.join('/')).sort();
}

describe.skipIf(findUv() === undefined)('a Dagster project (skipped where uv is not installed)', () => {
  it('is deployed from its branch; a push that breaks an import leaves it serving, and the next push mends it', {
    timeout: 300_000,
  }, async () => {
    const t = await startWorld({ project: dagsterProject });
    const definitions = fixtureFiles('dagster-quickstart')[DEFINITIONS] as string;
    const added =
      `${definitions.replace('import dagster as dg', 'import dagster as dg\n\n\n@dg.asset\ndef new_report() -> int:\n    return 1\n')}`.replace(
        'assets=[',
        'assets=[new_report, ',
      );

    const mr = await t.openMergeRequest('report', { [DEFINITIONS]: added }, { title: 'A new report' });
    await t.settled(240_000);

    expect(t.deployJob(mr.iid)?.trace).toContain('Healthy after');
    const url = t.previewUrl(mr.iid);
    expect(await assetKeys(t, url)).toEqual(['daily_orders', 'new_report', 'raw_orders']);
    expect(await subscribes(url)).toBe('connection_ack');

    await t.push('report', { [DEFINITIONS]: `import no_such_module\n${added}` }, { message: 'Use another library' });
    await t.settled(240_000);

    const failed = t.deployJob(mr.iid);
    expect(failed).toMatchObject({ status: 'failed', exitCode: 1 });
    expect(failed?.trace).toContain("No module named 'no_such_module'");
    expect(t.note(mr.iid)?.body).toContain("No module named 'no_such_module'");
    expect(t.note(mr.iid)?.body).toContain('still serving');
    expect(await assetKeys(t, url)).toContain('new_report');

    await t.push(
      'report',
      { [DEFINITIONS]: added.replace('new_report', 'newer_report').replace('[new_report', '[newer_report') },
      { message: 'Mend it' },
    );
    await t.settled(240_000);

    expect(await assetKeys(t, url)).toEqual(['daily_orders', 'newer_report', 'raw_orders']);
    expect(t.note(mr.iid)?.body).not.toContain('no_such_module');
    expect(t.instances()).toEqual([expect.stringMatching(/-r3$/)]);
  });
});

/** Opens Dagster's GraphQL WebSocket through the front door, as its UI does. */
function subscribes(url: string): Promise<string> {
  const target = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`ws://127.0.0.1:${target.port}/graphql`, 'graphql-ws', {
      headers: { host: target.host },
    });
    socket.on('open', () => socket.send(JSON.stringify({ type: 'connection_init', payload: {} })));
    socket.on('message', (data: Buffer) => {
      resolve((JSON.parse(data.toString()) as { type: string }).type);
      socket.close();
    });
    socket.on('error', reject);
  });
}
