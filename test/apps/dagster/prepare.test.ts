import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DAGSTER_VERSION } from '../../../src/apps/dagster/versions.ts';
import { dbtEnvironment, shareUvCache, shareWebserver } from '../../support/surroundings.ts';
import { type AppWorld, appWorld, type Files, type Outcome, sourceOf } from '../app-world.ts';
import { ask } from './ask-dagster.ts';
import { findUv } from './uv.ts';

const uv = findUv();
/** Where no environment is given, it is installed from PyPI first. */
const LONG = 240_000;

const DBT: Files = {
  'dbt/dbt_project.yml':
    'name: shop\nversion: "1.0"\nprofile: shop\nflags: { send_anonymous_usage_stats: false, use_colors: false }\n',
  'dbt/profiles.yml': 'shop: { target: dev, outputs: { dev: { type: duckdb, path: shop.duckdb } } }\n',
  'dbt/models/orders.sql': 'select 1 as id\n',
  'shop/__init__.py': '',
  'shop/defs/__init__.py': '',
};

/** As `create-dagster` and `dg scaffold` write it. */
const COMPONENT: Files = {
  ...DBT,
  'pyproject.toml':
    '[project]\nname = "shop"\nversion = "1"\n[tool.dg]\ndirectory_type = "project"\n[tool.dg.project]\nroot_module = "shop"\n',
  'shop/definitions.py': `
from pathlib import Path
from dagster import definitions, load_from_defs_folder

@definitions
def defs():
    return load_from_defs_folder(path_within_project=Path(__file__).parent)
`,
  'shop/defs/models/defs.yaml':
    'type: dagster_dbt.DbtProjectComponent\nattributes:\n  project: "{{ project_root }}/dbt"\n',
};

/** As the guide of dagster-dbt has it for Python; the second of the dbt projects is not there. */
const PYTHON: Files = {
  ...DBT,
  'dbt/models/totals.sql': "select * from {{ ref('orders') }}\n",
  'pyproject.toml': '[project]\nname = "shop"\nversion = "1"\n[tool.dagster]\nmodule_name = "shop.definitions"\n',
  'shop/a_project.py': `
from pathlib import Path
from dagster_dbt import DbtProject

shop_project = DbtProject(project_dir=Path(__file__).parent.parent / "dbt")
shop_project.prepare_if_dev()
`,
  'shop/b_project.py': 'from dagster_dbt import DbtProject\n\nproject = DbtProject("nowhere")\n',
};

describe.runIf(uv)(
  `prepare with Dagster ${DAGSTER_VERSION} and dbt${uv ? '' : ' (left out: uv is not installed)'}`,
  () => {
    let world: AppWorld;
    let setup: Files;

    beforeAll(async () => {
      world = await appWorld({ timeoutMs: LONG - 10_000, ...(uv ? { uv } : {}) });
      shareUvCache(world.dataDir);
      shareWebserver(world.dataDir);
      const environment = dbtEnvironment(uv as string, join(world.dataDir, 'dbt'));
      setup = { '.branch-deployment.yml': `setup: ln -s ${environment} .venv\n` };
    }, LONG);

    afterAll(() => world?.dispose(), 60_000);

    async function assetKeys(outcome: Outcome): Promise<string[]> {
      const query = '{ assetNodes { assetKey { path } } }';
      const { assetNodes } = await ask<{ assetNodes: Array<{ assetKey: { path: string[] } }> }>(outcome, query);
      return assetNodes.map((node) => node.assetKey.path.join('/')).sort();
    }

    /** How many files dbt parsed anew, by its own account. */
    async function parsedBy({ name }: Outcome): Promise<number> {
      const file = join(world.dataDir, 'instances', name, 'tree/dbt/target/perf_info.json');
      return (JSON.parse(await readFile(file, 'utf8')) as { parsed_path_count: number }).parsed_path_count;
    }

    it('makes the state of a dbt component with dg', { timeout: LONG }, async () => {
      const outcome = await world.run(sourceOf(undefined, { ...COMPONENT, ...setup }));
      const assets = await assetKeys(outcome);
      const parsed = await parsedBy(outcome);
      await world.stop(outcome.name);

      expect(outcome.health).toEqual({ state: 'healthy', parts: [{ name: 'shop', state: 'healthy' }] });
      expect(assets).toEqual(['orders']);
      expect(outcome.log).toContain('prepare of shop: # dg utils refresh-defs-state, where dg is there …');
      expect(outcome.log).toMatch(/All 1 components refreshed successfully![\s\S]*\nprepare of shop: done in \d/);
      expect(outcome.log).not.toContain('of an earlier push');
      // Both open the new DAGSTER_HOME: one after the other.
      expect(outcome.log).toMatch(/\nstorage of Dagster: done in .*\nprepare of shop: #/);
      expect(parsed).toBeGreaterThan(50);
    });

    // One revision for all of it: dagster-dbt takes 10 s and more for each.
    it('makes the manifest of a DbtProject from the parse of the push before, and fails as dagster-dbt does', {
      timeout: LONG,
    }, async () => {
      const outcome = await world.run(sourceOf(undefined, { ...PYTHON, ...setup }));
      const parsed = await parsedBy(outcome);
      await world.stop(outcome.name);

      expect(outcome.log).toContain(
        'prepare of shop: begins with dbt/target/partial_parse.msgpack of an earlier push\n',
      );
      expect(outcome.log).toContain('Project preparation complete.');
      expect(parsed).toBe(1);
      expect(outcome.health).toEqual({ state: 'exited', reason: 'prepare of shop failed with exit code 1' });
      expect(outcome.log).toMatch(
        /project_dir\S* .*does not exist[\s\S]*\nprepare of shop failed with exit code 1 after \d/,
      );
    });
  },
);
