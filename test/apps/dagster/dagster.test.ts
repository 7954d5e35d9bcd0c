import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DAGSTER_VERSION } from '../../../src/apps/dagster/versions.ts';
import { type AppWorld, appWorld, type Files, type Outcome, sourceOf } from '../app-world.ts';
import { ask, runAssets } from './ask-dagster.ts';
import { statelessProject } from './stateless-project.ts';
import { findUv } from './uv.ts';

const uv = findUv();
/** A first start installs Dagster from PyPI. */
const LONG = 240_000;

/** As teams have it that began before dg: one folder to start in, another one to import from. */
const PLAIN: Files = {
  'workspace.yaml':
    'load_from:\n  - python_file: { relative_path: code/plain_defs.py, working_directory: code, location_name: plain }\n',
  'requirements.txt': `dagster==${DAGSTER_VERSION}\n`,
  'code/paths.py': 'WANTED = "settings/wanted.txt"\n',
  'code/plain_defs.py': `
import os
import pathlib
import dagster as dg
import paths

WANTED = pathlib.Path(paths.WANTED).read_text().strip()

@dg.asset(metadata={"wanted": WANTED, "home": os.environ["DAGSTER_HOME"], "secret": os.environ["FROM_DOTENV"],
                    "branch": os.environ["DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT"], "dotenv": str(pathlib.Path(".env").exists())})
def plain(): ...

defs = dg.Definitions(assets=[plain])
`,
  'settings/wanted.txt': 'read from a relative path\n',
  // What a repository may bring: none of it may lead the preview to production.
  '.env': 'FROM_DOTENV=yes\nDAGSTER_HOME=/production\nDAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT=0\n',
  'dagster.yaml': 'storage:\n  postgres:\n    postgres_url: postgresql://production/dagster\n',
};

const LOCATIONS = `locations:
  - { name: good, module: good }
  - { name: bad, file: bad.py, optional: true, prepare: "echo prepared apart" }
  - { name: empty, module: empty }
  - { name: stateless, module: shop.definitions, optional: true }
  - { name: ends, file: ends.py, optional: true }
  - { name: unset, directory: unset, module: unset, optional: true, setup: "exit 7" }
  - { name: unprepared, file: good.py, optional: true, prepare: "exit 8" }
`;

async function assetsOf(outcome: Outcome): Promise<Array<{ key: string; metadata: Record<string, string> }>> {
  const query =
    '{ assetNodes { assetKey { path } metadataEntries { label ... on TextMetadataEntry { text } ... on PathMetadataEntry { path } } } }';
  const { assetNodes } = await ask<{
    assetNodes: Array<{ assetKey: { path: string[] }; metadataEntries: Array<{ label: string; text?: string }> }>;
  }>(outcome, query);
  return assetNodes
    .map((node) => ({
      key: node.assetKey.path.join('/'),
      metadata: Object.fromEntries(node.metadataEntries.map((entry) => [entry.label, entry.text ?? ''])),
    }))
    .toSorted((a, b) => a.key.localeCompare(b.key));
}

describe.runIf(uv)(`Dagster ${DAGSTER_VERSION} from PyPI${uv ? '' : ' (left out: uv is not installed)'}`, () => {
  let world: AppWorld;

  beforeAll(async () => {
    world = await appWorld({ timeoutMs: LONG - 10_000, ...(uv ? { uv } : {}) });
  });

  afterAll(() => world?.dispose(), 60_000);

  it('runs a project with a uv.lock, and its runs succeed without a daemon', { timeout: LONG }, async () => {
    const outcome = await world.run(sourceOf('dagster-quickstart', { '.branch-deployment.yml': 'daemon: none\n' }));

    expect(outcome.health).toEqual({ state: 'healthy', parts: [{ name: 'quickstart', state: 'healthy' }] });
    expect((await assetsOf(outcome)).map((asset) => asset.key)).toEqual(['daily_orders', 'raw_orders']);

    const status = await runAssets(outcome, 'quickstart', { timeoutMs: 60_000 });
    const { shouldShowNux } = await ask<{ shouldShowNux: boolean }>(outcome, '{ shouldShowNux }');
    await world.stop(outcome.name);

    expect(status).toBe('SUCCESS');
    expect(shouldShowNux).toBe(false);
  });

  it('takes the packages of an earlier revision, but never its code', { timeout: LONG }, async () => {
    const code =
      'import dagster as dg\n\n@dg.asset\ndef raw_orders(): ...\n\n@dg.asset\ndef daily_orders(): ...\n\n@dg.asset\ndef added(): ...\n';
    const definitions =
      'import dagster as dg\nfrom quickstart import orders\n\ndefs = dg.Definitions(assets=dg.load_assets_from_modules([orders]))\n';

    const outcome = await world.run(
      sourceOf('dagster-quickstart', {
        'src/quickstart/orders.py': code,
        'src/quickstart/definitions.py': definitions,
      }),
    );
    const assets = await assetsOf(outcome);
    await world.stop(outcome.name);

    expect(assets.map((asset) => asset.key)).toEqual(['added', 'daily_orders', 'raw_orders']);
    expect(outcome.log).toContain('setup of quickstart: nothing to do, its outputs are copied from an earlier run');
  });

  it('fails with the message and the stack of an import error', { timeout: LONG }, async () => {
    const outcome = await world.run(
      sourceOf('dagster-quickstart', { 'src/quickstart/orders.py': 'import nothing_there\n' }),
    );
    await world.stop(outcome.name);

    expect(outcome.health).toMatchObject({ state: 'failed', parts: [{ name: 'quickstart', state: 'failed' }] });
    const message = outcome.health.state === 'failed' ? outcome.health.message : '';
    expect(message.split('\n')[0]).toBe(
      "location quickstart could not be loaded: ModuleNotFoundError: No module named 'nothing_there'",
    );
    expect(message).toContain('/src/quickstart/orders.py", line 1, in <module>\n    import nothing_there');
    expect(message).toContain('which led to: dagster._core.errors.DagsterImportError');
  });

  it('keeps a project apart from what its repository says of production', { timeout: LONG }, async () => {
    const outcome = await world.run(sourceOf(undefined, PLAIN));
    const assets = await assetsOf(outcome);
    const home = join(world.dataDir, 'deployments/mr-7-app-bcdfghjk/dagster-home');
    const configuration = await readFile(join(home, 'dagster.yaml'), 'utf8');
    await world.stop(outcome.name);

    expect(outcome.health).toEqual({ state: 'healthy', parts: [{ name: 'plain', state: 'healthy' }] });
    expect(assets).toEqual([
      {
        key: 'plain',
        metadata: expect.objectContaining({
          wanted: 'read from a relative path',
          home,
          secret: 'yes',
          branch: '1',
          dotenv: 'False',
        }),
      },
    ]);
    expect(configuration).not.toContain('postgres');
  });

  it('serves the other locations where optional ones are broken, and tells of each what it is', {
    timeout: LONG,
  }, async () => {
    const outcome = await world.run(
      sourceOf(undefined, {
        '.venv/pyvenv.cfg': 'home = /of/another/machine\n',
        '.branch-deployment.yml': LOCATIONS,
        ...statelessProject(),
        'empty.py': 'import dagster as dg\n\ndefs = dg.Definitions()\n',
        'requirements.txt': `dagster==${DAGSTER_VERSION}\n`,
        'good.py': 'import dagster as dg\n\n@dg.asset\ndef fine(): ...\n\ndefs = dg.Definitions(assets=[fine])\n',
        'bad.py': 'raise ValueError("broken on purpose")\n',
        'ends.py': 'import os\n\nos._exit(3)\n',
        'unset/unset.py': '',
      }),
    );
    await world.stop(outcome.name);

    expect(outcome.health).toMatchObject({
      state: 'healthy',
      parts: [
        { name: 'good', state: 'healthy' },
        { name: 'bad', state: 'failed', message: expect.stringMatching(/^ValueError: broken on purpose\n/) },
        { name: 'empty', state: 'healthy', message: 'it has no asset, job, schedule or sensor' },
        { name: 'stateless', state: 'failed', message: expect.stringContaining('without their definitions: Tables.') },
        {
          name: 'ends',
          state: 'failed',
          message: expect.stringContaining('the code server ends ended with exit code 3'),
        },
        { name: 'unset', state: 'failed', message: 'setup of unset failed with exit code 7' },
        { name: 'unprepared', state: 'failed', message: 'prepare of unprepared failed with exit code 8' },
      ],
    });
    // All locations of one folder have one setup, also where they are prepared in ways of their own.
    expect(outcome.log.match(/^setup of .*: done/gm)).toHaveLength(1);
    expect(outcome.log).toContain('prepared apart\n');
  });

  it('fails with the setup that fails: a lock file that uv cannot use', { timeout: LONG }, async () => {
    const outcome = await world.run(sourceOf('dagster-quickstart', { 'uv.lock': 'version = 1\nrevision = "none"\n' }));
    await world.stop(outcome.name);

    expect(outcome.health).toEqual({
      state: 'exited',
      reason: expect.stringMatching(/^packages of quickstart failed with exit code [12]$/),
    });
    expect(outcome.log).toContain('uv.lock');
  });
});

describe('the service without uv', () => {
  it('refuses a Dagster project with what to install', async () => {
    const bare = await appWorld({ uv: '/nowhere/uv' });

    await expect(bare.run(sourceOf('dagster-quickstart'))).rejects.toMatchObject({
      status: 422,
      type: 'no-uv',
      message:
        'Dagster projects need uv on the machine of the service, and it is not found on its PATH. Install it there (https://docs.astral.sh/uv/getting-started/installation/, or: pip install uv), then run this job again.',
    });
    await bare.dispose();
  });
});
