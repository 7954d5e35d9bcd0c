import { describe, expect, it } from 'vitest';
import { installInputs } from '../../../src/apps/dagster/install-inputs.ts';
import { type Files, writeFiles } from '../app-world.ts';
import { makeTree } from '../recognise-files.ts';

const local = (name: string, source: string): string =>
  `[[package]]\nname = "${name}"\nversion = "1"\nsource = { ${source} }\n`;
const PYPROJECT = '[project]\nname = "shop"\nversion = "1"\n';
const build = (requires: string, backend: string): string =>
  `[build-system]\nrequires = [${requires}]\nbuild-backend = "${backend}"\n`;
const HATCH = build('"hatchling"', 'hatchling.build');
const SETUPTOOLS = build('"setuptools>=61", "wheel"', 'setuptools.build_meta');

/** A project with a uv.lock. */
const SHOP: Files = {
  'uv.lock': `version = 1\n${local('dagster', 'registry = "https://pypi.org/simple"')}${local('shop', 'editable = "."')}`,
  'pyproject.toml': PYPROJECT + HATCH,
  'src/shop/__init__.py': '',
  'src/shop/orders.py': 'ONE = 1\n',
  'README.md': '',
};

async function inputsOf(files: Files, variables: readonly string[] = []): Promise<string | undefined> {
  const tree = await makeTree();
  await writeFiles(tree, files);
  const inputs = await installInputs(tree, 'uv.lock', { variables });
  return inputs && JSON.stringify(inputs);
}

/** As `inputsOf`, of the shop with changes. */
const shop = (changes: Files = {}, variables: readonly string[] = []) => inputsOf({ ...SHOP, ...changes }, variables);

describe('what decides how a project is installed', () => {
  it.each<[string, Files]>([
    ['code', { 'src/shop/orders.py': 'TWO = 2\n' }],
    ['a new module of a package', { 'src/shop/customers.py': '' }],
    ['a file that is no module', { 'notes.txt': '', '.branch-deployment.yml': 'daemon: none\n', 'src/data.csv': '' }],
    ['what no build reads', { 'README.md': '# Shop\n', 'src/shop/__pycache__/x.pyc': '' }],
  ])('is not %s', async (_, changes) => {
    expect(await shop(changes)).toEqual(await shop());
    expect(await shop()).toBeDefined();
  });

  it.each<[string, Files]>([
    ['pyproject.toml', { 'pyproject.toml': `${PYPROJECT}${HATCH}[project.scripts]\nshop = "shop:main"\n` }],
    ['uv.toml', { 'uv.toml': 'offline = true\n' }],
    ['a new package', { 'src/shop/etl/__init__.py': '' }],
    ['a new folder without __init__.py, which may be a namespace', { 'src/other/x.py': '' }],
    ['a new top-level module', { 'src/tool.py': '' }],
  ])('is %s', async (_, changes) => {
    expect(await shop(changes)).toBeDefined();
    expect(await shop(changes)).not.toEqual(await shop());
  });

  it('is the same for each of the three backends whose installs only point into the tree', async () => {
    for (const backend of [
      `${HATCH}[tool.hatch.build.targets.wheel]\npackages = ["src/shop"]\n`,
      `${SETUPTOOLS}[tool.setuptools.packages.find]\nwhere = ["src"]\n`,
      `${build('"uv_build>=0.8,<0.12"', 'uv_build')}[tool.uv.build-backend]\nmodule-name = "shop"\n`,
    ])
      expect(await shop({ 'pyproject.toml': PYPROJECT + backend })).toBeDefined();
  });

  it.each<[string, Files]>([
    [
      'the version stands in the code',
      {
        'pyproject.toml': `[project]\nname = "shop"\ndynamic = ["version"]\n${HATCH}[tool.hatch.version]\npath = "src/shop/__init__.py"\n`,
      },
    ],
    ['a setup.py runs', { 'pyproject.toml': PYPROJECT + SETUPTOOLS, 'setup.py': '' }],
    ['a setup.cfg says more', { 'pyproject.toml': PYPROJECT + SETUPTOOLS, 'setup.cfg': '' }],
    [
      'modules are compiled',
      { 'pyproject.toml': `${PYPROJECT}${SETUPTOOLS}[[tool.setuptools.ext-modules]]\nname = "x"\nsources = ["x.c"]\n` },
    ],
    ['a hatch.toml says more', { 'hatch.toml': '' }],
    ['a plugin takes part', { 'pyproject.toml': PYPROJECT + build('"hatchling", "hatch-vcs"', 'hatchling.build') }],
    ['a hook runs', { 'pyproject.toml': `${PYPROJECT}${HATCH}[tool.hatch.build.hooks.custom]\n` }],
    [
      'files are copied',
      { 'pyproject.toml': `${PYPROJECT}${HATCH}[tool.hatch.build.targets.wheel.force-include]\n"a" = "b"\n` },
    ],
    ['the backend is in the tree', { 'pyproject.toml': `${PYPROJECT}${HATCH}backend-path = ["."]\n` }],
    ['the backend is another one', { 'pyproject.toml': PYPROJECT + build('"maturin"', 'maturin') }],
    ['nothing says how it is built', { 'pyproject.toml': PYPROJECT }],
    [
      'setuptools is told to copy',
      { 'pyproject.toml': `${PYPROJECT}${SETUPTOOLS}[tool.uv]\nconfig-settings = { editable_mode = "strict" }\n` },
    ],
    [
      'a library beside it is installed as a copy',
      { 'uv.lock': (SHOP['uv.lock'] as string) + local('lib', 'directory = "lib"'), 'lib/pyproject.toml': PYPROJECT },
    ],
    ['a project lies elsewhere', { 'uv.lock': `version = 1\n${local('lib', 'editable = "../lib"')}` }],
    ['the lock is none', { 'uv.lock': 'version = 1\n' }],
  ])('cannot be told where %s', async (_, changes) => {
    expect(await shop(changes)).toBeUndefined();
  });

  it('cannot be told where a variable has uv install copies', async () => {
    expect(await shop({}, ['PATH', 'UV_INDEX_SHOP_PASSWORD'])).toBeDefined();
    expect(await shop({}, ['UV_NO_EDITABLE'])).toBeUndefined();
  });

  it('is that of all projects of a workspace', async () => {
    const files: Files = {
      'uv.lock': `version = 1\n${local('root', 'virtual = "."')}${local('shop', 'editable = "shop"')}${local('lib', 'editable = "libs/lib"')}`,
      'pyproject.toml': '[tool.uv.workspace]\nmembers = ["shop", "libs/*"]\n',
      'shop/pyproject.toml': PYPROJECT + HATCH,
      'shop/src/shop/__init__.py': '',
      'libs/lib/pyproject.toml': PYPROJECT + HATCH,
      'libs/lib/src/lib/__init__.py': '',
    };
    const before = await inputsOf(files);
    expect(before).toBeDefined();
    expect(await inputsOf({ ...files, 'libs/lib/src/lib/__init__.py': 'X = 1\n' })).toEqual(before);
    expect(await inputsOf({ ...files, 'libs/lib/src/lib/new/__init__.py': '' })).not.toEqual(before);
    expect(await inputsOf({ ...files, 'libs/lib/setup.py': '' })).toBeUndefined();
  });
});
