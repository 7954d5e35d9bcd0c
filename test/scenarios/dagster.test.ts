import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { findUv } from '../apps/dagster/uv.ts';
import { fixtureFiles } from '../support/projects.ts';
import { knowSecret } from '../support/secret-search/output.ts';
import { componentInclude, startWorld, type World } from '../support/world.ts';

const DEFINITIONS = 'src/quickstart/definitions.py';
const TOKEN = `token-${randomBytes(12).toString('hex')}`;
/** Code that cannot be loaded without its variable, and one that tells it in an error. */
const NEEDS_TOKEN = 'import os\n\nTOKEN = os.environ["ORDERS_TOKEN"]\n';
const TELLS_TOKEN = `${NEEDS_TOKEN}try:\n    import no_such_module\nexcept ImportError as error:\n    raise ImportError(f"{error}, token {TOKEN}")\n`;

/** The fixture's files, with the component included. */
function dagsterProject(serviceUrl: string): Record<string, string> {
  return {
    ...fixtureFiles('dagster-quickstart'),
    '.gitlab-ci.yml': componentInclude(serviceUrl, { variables: 'ORDERS_TOKEN' }),
  };
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
    const env = { BD_SECRET_KEY: randomBytes(32).toString('base64') };
    const t = await startWorld({ project: dagsterProject, env });
    const variable = { key: 'ORDERS_TOKEN', value: TOKEN, type: 'env_var', environmentScope: 'review/*' } as const;
    t.project.variables.push({ ...variable, protected: false, masked: false });
    knowSecret('ORDERS_TOKEN', TOKEN);
    const definitions = fixtureFiles('dagster-quickstart')[DEFINITIONS] as string;
    const added =
      `${NEEDS_TOKEN}${definitions.replace('import dagster as dg', 'import dagster as dg\n\n\n@dg.asset\ndef new_report() -> int:\n    return 1\n')}`.replace(
        'assets=[',
        'assets=[new_report, ',
      );

    const mr = await t.openMergeRequest('report', { [DEFINITIONS]: added }, { title: 'A new report' });
    await t.settled(240_000);

    expect(t.deployJob(mr.iid)?.trace).toContain('Healthy after');
    const url = t.previewUrl(mr.iid);
    expect(await assetKeys(t, url)).toEqual(['daily_orders', 'new_report', 'raw_orders']);
    expect(await subscribes(url)).toBe('connection_ack');

    await t.push('report', { [DEFINITIONS]: `${TELLS_TOKEN}${added}` }, { message: 'Use another library' });
    await t.settled(240_000);

    const failed = t.deployJob(mr.iid);
    expect(failed).toMatchObject({ status: 'failed', exitCode: 1 });
    expect(failed?.trace).toContain("No module named 'no_such_module'");
    expect(t.note(mr.iid)?.body).toContain("No module named 'no_such_module'");
    expect(t.note(mr.iid)?.body).toContain('still serving');
    for (const text of [failed?.trace, t.note(mr.iid)?.body]) {
      expect(text).toContain('token [MASKED]');
      expect(text).not.toContain(TOKEN);
    }
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
