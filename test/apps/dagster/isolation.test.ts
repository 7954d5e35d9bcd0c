import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Database } from '../../../src/store/sqlite.ts';
import { dbtEnvironment, shareUvCache, shareWebserver } from '../../support/surroundings.ts';
import { type AppWorld, appWorld, type Files, type Outcome, sourceOf } from '../app-world.ts';
import { ask, runAssets } from './ask-dagster.ts';
import { statelessProject } from './stateless-project.ts';
import { findUv } from './uv.ts';

const uv = findUv();
const LONG = 240_000;

const PRODUCTION_RUN = `
import dagster as dg

@dg.job
def billing(): ...

instance = dg.DagsterInstance.get()
print(billing.execute_in_process(instance=instance).run_id)
`;

/** What `dg utils refresh-defs-state` remembers of two components: state in the tree of that push, and state in the storage. */
const EARLIER_PUSH = `
import dagster as dg

instance = dg.DagsterInstance.get()
states = instance.defs_state_storage
states.set_latest_version("Tables", "__local__")
states.set_latest_version("Versioned", "3f1c")
`;

/** Writes into the storage of whatever `DAGSTER_HOME` holds. */
const REMEMBER = `
import dagster as dg

instance = dg.DagsterInstance.get()
instance.defs_state_storage.set_latest_version("OfPrepare", "1")
`;

/** The components whose state a storage knows. */
function statesOf(home: string): string[] {
  const database = new Database(join(home, 'history/runs.db'), { readonly: true });
  try {
    const row = database.prepare("select value from kvs where key = '__latest_defs_state_info__'").get();
    return Object.keys(JSON.parse((row as { value: string }).value).info_mapping);
  } finally {
    database.close();
  }
}

/** Each file's content below a folder. */
function contentOf(folder: string): Record<string, string> {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((path) =>
    statSync(join(folder, path)).isFile(),
  );
  const hash = (path: string) =>
    createHash('sha256')
      .update(readFileSync(join(folder, path)))
      .digest('hex');
  return Object.fromEntries(files.toSorted().map((path) => [path, hash(path)]));
}

/** A repository that leads to production's storage wherever Dagster would follow. */
function repository(production: string, environment: string): Files {
  const dotenv = `DAGSTER_HOME=${production}\nDAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT=0\nDAGSTER_CLI_API_GRPC_INSTANCE_REF=x\nWAREHOUSE=dev\n`;
  const storage = `
storage: { sqlite: { base_dir: ${production} } }
local_artifact_storage: { module: dagster._core.storage.root, class: LocalArtifactStorage, config: { base_dir: ${production} } }
compute_logs: { module: dagster._core.storage.local_compute_log_manager, class: LocalComputeLogManager, config: { base_dir: ${production} } }
python_logs: { python_log_level: INFO }
`;
  const copy = (file: string) => `cp ../${file} "$DAGSTER_HOME/dagster.yaml"`;
  const prepare = `test ! -e .env && cp ../of-setup.env .env && cp ../of-setup.env ../.env && ${copy('production.yaml')}`;
  return {
    ...statelessProject('tables/'),
    'workspace.yaml': 'load_from: [{ grpc_server: { host: production.example.com, port: 4000 } }]\n',
    'pyproject.toml': `[tool.dagster]\nmodule_name = "shop"\n[tool.dg.cli]\nverbose = true\n`,
    '.branch-deployment.yml': [
      'locations:',
      '  - name: shop',
      '    directory: code',
      '    file: shop.py',
      // Starts Dagster with what it has just copied.
      `    prepare: ${copy('dagster.yaml')} && .venv/bin/python ../remember.py && ${prepare}`,
      '  - { name: tables, directory: tables, module: shop.definitions, optional: true }',
      'dagster_yaml: dagster.yaml',
      // What images of production do.
      `setup: ln -s ${environment} .venv && cp ../of-setup.env .env && cp ../of-setup.env ../.env && ${copy('production.yaml')}`,
      `prepare: ${prepare}`,
      '',
    ].join('\n'),
    '.env': dotenv,
    'code/.env': dotenv,
    'of-setup.env': dotenv.replace('WAREHOUSE=dev\n', ''),
    'dagster.yaml': storage,
    'production.yaml': storage,
    'remember.py': REMEMBER,
    'code/dagster.yaml': storage,
    'code/shop.py': `
import os
import dagster as dg

TOLD = {name: os.environ.get(name, "") for name in ("DAGSTER_HOME", "DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT", "WAREHOUSE")}

@dg.asset(metadata=TOLD)
def orders():
    print("orders of", os.environ["DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT"], os.environ["DAGSTER_HOME"])

defs = dg.Definitions(assets=[orders], executor=dg.in_process_executor)
`,
  };
}

describe.runIf(uv)(`a repository that leads elsewhere${uv ? '' : ' (left out: uv is not installed)'}`, () => {
  const production = mkdtempSync(join(tmpdir(), 'production-'));
  let world: AppWorld;
  let home: string;
  let billed: string;
  let before: Record<string, string>;
  let outcome: Outcome;

  beforeAll(async () => {
    world = await appWorld({ timeoutMs: LONG - 10_000, ...(uv ? { uv } : {}) });
    shareUvCache(world.dataDir);
    shareWebserver(world.dataDir);
    const environment = dbtEnvironment(uv as string, join(world.dataDir, 'dagster'));
    home = join(world.dataDir, 'deployments/mr-7-app-bcdfghjk/dagster-home');
    const python = (code: string, dagsterHome: string) => {
      mkdirSync(dagsterHome, { recursive: true });
      const env = { PATH: process.env.PATH, DAGSTER_HOME: dagsterHome };
      return execFileSync(join(environment, 'bin/python'), ['-c', code], { env, encoding: 'utf8', stdio: 'pipe' });
    };
    billed = python(PRODUCTION_RUN, production).trim();
    before = contentOf(production);
    python(EARLIER_PUSH, home);
    outcome = await world.run(sourceOf(undefined, repository(production, environment)), {
      variables: [{ name: 'DAGSTER_HOME', value: production, file: false }],
    });
  }, LONG);

  afterAll(async () => {
    await world?.dispose();
    rmSync(production, { recursive: true, force: true });
  }, 60_000);

  it('runs in its own storage, with its own logs, and production stays as it was', { timeout: LONG }, async () => {
    expect(outcome.health).toMatchObject({ state: 'healthy', parts: [{ name: 'shop', state: 'healthy' }, {}] });
    const status = await runAssets(outcome, 'shop', { timeoutMs: 120_000 });
    const { runsOrError, assetNodes } = await ask<{
      runsOrError: { results: Array<{ runId: string }> };
      assetNodes: Array<{ metadataEntries: Array<{ label: string; text: string }> }>;
    }>(
      outcome,
      '{ runsOrError { ... on Runs { results { runId } } } assetNodes { metadataEntries { label ... on TextMetadataEntry { text } } } }',
    );

    const told = Object.fromEntries(assetNodes[0]?.metadataEntries.map(({ label, text }) => [label, text]) ?? []);
    expect(status).toBe('SUCCESS');
    expect(Object.keys(before)).toContain('history/runs.db');
    expect(contentOf(production)).toEqual(before);
    expect(runsOrError.results.map((run) => run.runId)).not.toContain(billed);
    expect(runsOrError.results).toHaveLength(1);
    expect(told).toMatchObject({ DAGSTER_HOME: home, DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT: '1', WAREHOUSE: 'dev' });
    const logs = readdirSync(join(home, 'storage'), { recursive: true, encoding: 'utf8' }).filter((path) =>
      path.endsWith('.out'),
    );
    expect(logs.map((path) => readFileSync(join(home, 'storage', path), 'utf8')).join('')).toContain(
      `orders of 1 ${home}\n`,
    );
    // Setup's, by the log of its step; prepare's, by the code server that found it.
    expect(outcome.log).toContain('warning: .env was made by setup or prepare and is taken away');
    expect(outcome.log).toContain('warning: dagster.yaml in DAGSTER_HOME was changed by setup or prepare');
    expect(outcome.log).toContain("dagster.yaml of the repository: # the deployment's own is put in its place");
    expect(outcome.output).toContain('warning: .env was made by setup or prepare and is taken away');
    expect(outcome.output).toContain(
      'warning: dagster.yaml in DAGSTER_HOME was changed by setup or prepare and is put right',
    );
  });

  it('does not take the state of an earlier push for that of a component which this one left without', () => {
    const parts = 'parts' in outcome.health ? outcome.health.parts : [];

    expect(parts[1]).toEqual({
      name: 'tables',
      state: 'failed',
      message: expect.stringContaining('components without state, and so without their definitions: Tables.'),
    });
    expect(statesOf(home).sort()).toEqual(['OfPrepare', 'Versioned']);
  });
});
