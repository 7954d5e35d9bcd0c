import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { findUv } from '../apps/dagster/uv.ts';
import { makeArchive } from '../store/bundles/archives.ts';
import { dbtEnvironment } from '../support/surroundings.ts';
import { startWorld } from '../support/world.ts';
import { CiDoor } from './ci-door.ts';

const LONG = 400_000;
const MODEL = 'models/customers_by_country.sql';
const MANIFEST = 'target/manifest.json';
const byCountry = (count: string) =>
  `select country, ${count} as customers from {{ ref('customers') }} group by country`;

/** A project of dbt's, of which a branch builds what it changes; all else it reads where production has it. */
const files = (made: { readonly environment: string; readonly production: string }) => ({
  '.branch-deployment.yml': `setup: ln -s ${made.environment} .venv
daemon: none
env: { PRODUCTION: ${made.production} }
prepare: |
  dbt --quiet parse --target production || exit
  if [ -d "$BRANCH_DEPLOYMENT_BASE_DIR" ]; then
    dbt build --select state:modified --defer --state "$BRANCH_DEPLOYMENT_BASE_DIR/target"
  fi
locations: [{ name: marts, file: definitions.py }]
changes: { compare_with: target, base_artifacts: [${MANIFEST}] }
`,
  'definitions.py': `from pathlib import Path

import dagster as dg
from dagster_dbt import dbt_assets


@dbt_assets(manifest=Path(__file__).parent / "target" / "manifest.json")
def models(): ...


defs = dg.Definitions(assets=[models])
`,
  'dbt_project.yml':
    'name: marts\nversion: "1.0"\nprofile: marts\nflags: { send_anonymous_usage_stats: false, use_colors: false }\nmodels: { +materialized: table }\n',
  'profiles.yml': `marts:
  target: branch
  outputs:
    production: { type: duckdb, path: "{{ env_var('PRODUCTION') }}" }
    branch:
      type: duckdb
      path: "{{ env_var('BRANCH_DEPLOYMENT_DATA_DIR') }}/marts.duckdb"
      attach: [{ path: "{{ env_var('PRODUCTION') }}", alias: production, read_only: true }]
`,
  'models/customers.sql': "select 'XX' as country, 0 as id",
  [MODEL]: byCountry('count(*)'),
});

const uv = findUv();

it.skipIf(uv === undefined)(
  "the next push to a branch finds the base's manifest, with which dbt builds what the branch changes, and leaves all else to production (skipped where uv is not installed)",
  { timeout: LONG },
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'bd-base-files-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const environment = dbtEnvironment(uv as string, join(folder, 'dagster'));
    const ask = (database: string, statement: string) =>
      JSON.parse(
        execFileSync(join(environment, 'bin', 'python'), ['-c', ASK, database, statement], { encoding: 'utf8' }),
      );
    const production = join(folder, 'production.duckdb');
    ask(production, "create table customers as select unnest(['NO', 'HU', 'NO']) as country, unnest([1, 2, 3]) as id");
    const main = files({ environment, production });
    const t = await startWorld({ pipelines: false, files: main });
    const door = new CiDoor(t);
    const mr = await t.openMergeRequest('sums', { 'README.md': 'Sums of ids\n' });
    const deploy = async (branch: Readonly<Record<string, string>>) => {
      const archive = makeArchive(Object.entries({ ...main, ...branch }).map(([path, content]) => ({ path, content })));
      const played = await door.play(door.job(door.pipeline(mr)), mr.iid, archive);
      expect(played.log.split('\n').slice(-20).join('\n')).toContain('Healthy after');
      await t.settled(LONG / 2);
      const [name] = new URL(played.url).hostname.split('.');
      return { log: played.log, data: join(t.dataDir, 'deployments', name as string) };
    };

    const first = await deploy({});
    expect(first.log).not.toContain('Completed successfully');
    expect(existsSync(join(first.data, 'marts.duckdb'))).toBe(false);
    const manifest = () => JSON.parse(readFileSync(join(first.data, 'base', MANIFEST), 'utf8')) as Manifest;
    expect(manifest().nodes['model.marts.customers_by_country']).toMatchObject({
      database: 'production',
      raw_code: byCountry('count(*)'),
    });

    // The target branch has another change of the same model: it is built by nobody here.
    await t.push('main', { [MODEL]: byCountry('max(id)') });
    const branch = { [MODEL]: byCountry('sum(id)') };
    await t.push('sums', branch);
    const second = await deploy(branch);

    expect(second.log).toMatch(/1 of 1 OK created sql table model main\.customers_by_country/);
    const built = join(second.data, 'marts.duckdb');
    expect(ask(built, 'select table_name from information_schema.tables')).toEqual([['customers_by_country']]);
    // Production's customers, and the branch's way to count them.
    expect(ask(built, 'select * from customers_by_country order by country')).toEqual([
      ['HU', 2],
      ['NO', 4],
    ]);
    expect(manifest().nodes['model.marts.customers_by_country']?.raw_code).toBe(byCountry('max(id)'));
  },
);

interface Manifest {
  readonly nodes: Readonly<Record<string, { readonly raw_code: string; readonly database: string }>>;
}

/** Rows of a statement in a database of DuckDB's, as JSON. */
const ASK =
  'import sys, json, duckdb; print(json.dumps(duckdb.connect(sys.argv[1]).execute(sys.argv[2]).fetchall(), default=int))';
