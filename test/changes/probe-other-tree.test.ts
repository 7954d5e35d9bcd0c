import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readSnapshot, type Snapshot } from '../../src/changes/snapshot.ts';
import { SHIPPED } from '../../src/shipped-files.ts';
import { linkedEnvironment } from '../support/linked-environment.ts';
import { dbtEnvironment } from '../support/surroundings.ts';
import { writeTree } from '../support/write-tree.ts';

const run = promisify(execFile);
const folder = realpathSync(mkdtempSync(join(tmpdir(), 'bd-other-tree-')));
const [branch, base] = [join(folder, 'branch'), join(folder, 'base')];
/** Where a service has it: in the branch's tree. */
const environment = join(branch, 'etl', '.venv');

/** Packages of one repository, each installed in another way; the folder that the package lies in, and what builds it. */
const PACKAGES: Readonly<Record<string, { readonly within: string; readonly build: string }>> = {
  flat_setuptools: { within: '.', build: 'requires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"' },
  src_setuptools: { within: 'src', build: 'requires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"' },
  flat_hatchling: { within: '.', build: 'requires = ["hatchling"]\nbuild-backend = "hatchling.build"' },
  exact_hatchling: {
    within: 'src',
    build:
      'requires = ["hatchling", "editables"]\nbuild-backend = "hatchling.build"\n[tool.hatch.build]\ndev-mode-exact = true',
  },
  src_uv: { within: 'src', build: 'requires = ["uv_build"]\nbuild-backend = "uv_build"' },
  flat_copied: { within: '.', build: 'requires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"' },
  src_copied: { within: 'src', build: 'requires = ["hatchling"]\nbuild-backend = "hatchling.build"' },
};
const NAMES = Object.keys(PACKAGES);

/** The files of one side. Each package makes one asset; `extra` is a module that the branch has added. */
function filesOf(side: 'base' | 'branch'): Record<string, string> {
  const files: Record<string, string> = { 'etl/defs.py': DEFINITIONS };
  for (const [name, { within, build }] of Object.entries(PACKAGES)) {
    const at = join(name, within, name);
    files[`${name}/pyproject.toml`] = `[project]\nname = "${name}"\nversion = "1"\n[build-system]\n${build}\n`;
    files[`${at}/__init__.py`] = `SIDE = ${JSON.stringify(side)}\ndef work(): return SIDE\n`;
    files[`${at}/sub.py`] = `import os\nFILE = os.path.abspath(__file__)\n`;
    if (side === 'branch') files[`${at}/extra.py`] = '';
  }
  // A namespace: its parts are found by a finder of their own.
  files['namespace/pyproject.toml'] =
    '[project]\nname = "spaced"\nversion = "1"\n[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n[tool.setuptools.packages.find]\ninclude = ["spaced*"]\n';
  files['namespace/spaced/part/__init__.py'] = `SIDE = ${JSON.stringify(side)}\n`;
  if (side === 'branch') files['namespace/spaced/added/__init__.py'] = '';
  return files;
}

const DEFINITIONS = `
import importlib, os
import dagster as dg
from dagster_dbt import dbt_assets

def is_there(name):
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        return "no"
    return "yes"

def asset_of(name):
    package = importlib.import_module(name)
    sub = importlib.import_module(name + ".sub")
    @dg.asset(name=name, code_version=package.SIDE, metadata={"extra": is_there(name + ".extra"), "at": sub.FILE})
    def made(): return package.work()
    return made

data = os.environ.get("BRANCH_DEPLOYMENT_DATA_DIR", "")

class Warehouse(dg.ConfigurableResource):
    path: str

@dg.asset(metadata={"lies in": data}, description="Goes to " + data, code_version=data)
def stored(warehouse: Warehouse): return warehouse.path

# As a manifest of dbt's has a model that is written to a file.
MODEL = {
    "unique_id": "model.shop.written", "name": "written", "resource_type": "model", "package_name": "shop", "alias": "written",
    "schema": "s", "database": "d", "fqn": ["shop", "written"], "path": "written.sql", "original_file_path": "models/written.sql",
    "raw_code": "select 1", "language": "sql", "tags": [], "meta": {}, "description": "", "columns": {}, "refs": [], "sources": [],
    "config": {"materialized": "external", "enabled": True, "location": data + "/written.parquet"},
    "depends_on": {"macros": [], "nodes": []}, "checksum": {"name": "sha256", "checksum": "c"}, "relation_name": "written", "patch_path": None,
}
PARTS = ["sources", "exposures", "metrics", "groups", "selectors", "disabled", "semantic_models", "unit_tests", "saved_queries", "docs", "macros"]
MANIFEST = {
    "metadata": {"dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v12.json", "project_name": "shop", "adapter_type": "duckdb"},
    "nodes": {"model.shop.written": MODEL}, "parent_map": {"model.shop.written": []}, "child_map": {"model.shop.written": []},
    **{part: {} for part in PARTS},
}
@dbt_assets(manifest=MANIFEST)
def models(): ...

from spaced import part
@dg.asset(code_version=part.SIDE, metadata={"extra": is_there("spaced.added")})
def spaced(): return part.SIDE

defs = dg.Definitions(
    assets=[spaced, stored, models] + [asset_of(name) for name in ${JSON.stringify(NAMES)}],
    resources={"warehouse": Warehouse(path=os.path.join(data, "warehouse.duckdb"))},
)
`;

beforeAll(async () => {
  writeTree(branch, filesOf('branch'));
  writeTree(base, filesOf('base'));
  const dagster = dbtEnvironment('uv', join(folder, 'environment'));
  const python = linkedEnvironment(environment, dagster);
  const editable = [...NAMES.filter((name) => !name.endsWith('copied')), 'namespace'];
  await run('uv', [
    ...['pip', 'install', '--quiet', '--no-deps', '--python', python, 'editables'],
    ...editable.flatMap((name) => ['-e', join(branch, name)]),
    ...NAMES.filter((name) => name.endsWith('copied')).map((name) => join(branch, name)),
  ]);
}, 600_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function probe(tree: string, ...options: readonly string[]) {
  const output = join(folder, 'snapshot.json');
  rmSync(output, { force: true });
  const argv = [
    SHIPPED.probe,
    '--output',
    output,
    '--root',
    tree,
    '-d',
    join(tree, 'etl'),
    '-f',
    'defs.py',
    ...options,
  ];
  const at = options.indexOf('--data');
  const env = { ...process.env, ...(at >= 0 && { BRANCH_DEPLOYMENT_DATA_DIR: options[at + 1] }) };
  await run(join(environment, 'bin', 'python'), argv, { env });
  const snapshot = readSnapshot(readFileSync(output, 'utf8')) as Extract<Snapshot, { status: 'loaded' }>;
  return new Map(snapshot.assets.map((asset) => [asset.key, asset]));
}

describe("a base in the branch's environment", { timeout: 300_000 }, () => {
  it('is loaded from its own tree, however the environment has installed the branch', async () => {
    const ofBranch = await probe(branch);
    const ofBase = await probe(base, '--instead', branch);

    for (const name of [...NAMES, 'spaced']) {
      const [here, there] = [ofBranch.get(name), ofBase.get(name)];
      expect([name, here?.codeVersion, here?.metadata.extra]).toEqual([name, 'branch', expect.stringContaining('yes')]);
      expect([name, there?.codeVersion, there?.metadata.extra]).toEqual([name, 'base', expect.stringContaining('no')]);
      expect([name, here?.source]).not.toEqual([name, there?.source]);
    }
  });

  it('has the same fingerprints and texts where its files are the same', async () => {
    const same = join(folder, 'same');
    writeTree(same, filesOf('branch'));
    const ofBranch = await probe(branch, '--data', join(folder, 'data'));

    const found = await probe(same, '--instead', branch, '--data', join(same, '.git', 'data'));

    for (const name of ['stored', 'written']) expect([name, found.get(name)]).toEqual([name, ofBranch.get(name)]);
    expect(found.get('stored')).toMatchObject({ description: 'Goes to <data>', codeVersion: '<data>' });
    const editable = NAMES.filter((name) => !name.endsWith('copied'));
    expect(editable.map((name) => found.get(name))).toEqual(editable.map((name) => ofBranch.get(name)));
    const sources = (side: typeof found) => NAMES.map((name) => [name, side.get(name)?.source]);
    expect(sources(found)).toEqual(sources(ofBranch));
  });
});
