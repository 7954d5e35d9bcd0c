import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DAGSTER_VERSION, OLDEST_DAGSTER } from '../../../src/apps/dagster/versions.ts';
import { shareUvCache, shareWebserver } from '../../support/surroundings.ts';
import { type AppWorld, appWorld, type Files, type Outcome, sourceOf } from '../app-world.ts';
import { ask, runAssets } from './ask-dagster.ts';
import { findUv } from './uv.ts';

const uv = findUv();
/** Where the package cache is cold, two releases of Dagster come from PyPI first. */
const LONG = 240_000;

const quickstart = (path: string): string =>
  readFileSync(fileURLToPath(new URL(`../../fixtures/apps/dagster-quickstart/${path}`, import.meta.url)), 'utf8');

/** A project of today with a uv.lock, and one that has stayed behind: setup.py, and the oldest release that is served. */
const WORKSPACE: Files = {
  'dg.toml':
    'directory_type = "workspace"\n[[workspace.projects]]\npath = "projects/today"\n[[workspace.projects]]\npath = "projects/legacy"\n',
  'projects/today/pyproject.toml': quickstart('pyproject.toml'),
  'projects/today/uv.lock': quickstart('uv.lock'),
  'projects/today/src/quickstart/__init__.py': '',
  'projects/today/src/quickstart/definitions.py': quickstart('src/quickstart/definitions.py'),
  'projects/today/src/quickstart/orders.py': quickstart('src/quickstart/orders.py'),
  'projects/legacy/dg.toml':
    'directory_type = "project"\n[project]\nroot_module = "old_shop"\ncode_location_name = "behind"\n',
  'projects/legacy/requirements.txt': `dagster==${OLDEST_DAGSTER}\n`,
  'projects/legacy/setup.py':
    'from setuptools import setup\nsetup(name="old-shop", version="3.1", package_dir={"": "lib"}, packages=["old_shop"])\n',
  'projects/legacy/lib/old_shop/__init__.py': '',
  'projects/legacy/lib/old_shop/definitions.py': `
import importlib.metadata
from dagster import Definitions, asset

VERSIONS = {name: importlib.metadata.version(name) for name in ("dagster", "old-shop")}

@asset(metadata=VERSIONS)
def old_orders(): ...

defs = Definitions(assets=[old_orders])
`,
};

describe.runIf(uv)(`a dg workspace${uv ? '' : ' (left out: uv is not installed)'}`, () => {
  let world: AppWorld;
  let outcome: Outcome;

  beforeAll(async () => {
    world = await appWorld({ timeoutMs: LONG - 10_000, ...(uv ? { uv } : {}) });
    shareUvCache(world.dataDir);
    shareWebserver(world.dataDir);
    outcome = await world.run(sourceOf(undefined, WORKSPACE));
  }, LONG);

  afterAll(() => world?.dispose(), 60_000);

  it('has a location for each project, of the name that dg gives it', async () => {
    const query = `{ workspaceOrError { ... on Workspace { locationEntries { name loadStatus
      locationOrLoadError { ... on RepositoryLocation { dagsterLibraryVersions { name version } } } } } } }`;
    const { workspaceOrError } = await ask<{ workspaceOrError: { locationEntries: object[] } }>(outcome, query);
    const entry = (name: string, version: string) => ({
      name,
      loadStatus: 'LOADED',
      locationOrLoadError: { dagsterLibraryVersions: expect.arrayContaining([{ name: 'dagster', version }]) },
    });

    expect(outcome.health).toMatchObject({ state: 'healthy' });
    expect(workspaceOrError.locationEntries).toEqual([
      entry('today', DAGSTER_VERSION),
      entry('behind', OLDEST_DAGSTER),
    ]);
    expect(outcome.spec.remarks[0]).toBe('preset dagster: dg.toml declares a workspace of 2 projects');
  });

  it('has an environment for each project, with the package beside requirements.txt in it', async () => {
    const query =
      '{ assetNodes { assetKey { path } repository { location { name } } metadataEntries { label ... on TextMetadataEntry { text } } } }';
    type Node = {
      assetKey: { path: string[] };
      repository: { location: { name: string } };
      metadataEntries: Array<{ label: string; text?: string }>;
    };
    const { assetNodes } = await ask<{ assetNodes: Node[] }>(outcome, query);
    const assets = assetNodes.map(
      ({ assetKey, repository }) => `${repository.location.name}/${assetKey.path.join('/')}`,
    );
    const old = assetNodes.find(({ assetKey }) => assetKey.path[0] === 'old_orders');

    expect(assets.toSorted()).toEqual(['behind/old_orders', 'today/daily_orders', 'today/raw_orders']);
    expect(old?.metadataEntries).toEqual([
      expect.objectContaining({ label: 'dagster', text: OLDEST_DAGSTER }),
      expect.objectContaining({ label: 'old-shop', text: '3.1' }),
    ]);
  });

  it(`runs the assets of a project with Dagster ${OLDEST_DAGSTER} under the service's webserver`, async () => {
    const status = await runAssets(outcome, 'behind', { timeoutMs: 90_000 });

    expect(status).toBe('SUCCESS');
  }, 120_000);
});
