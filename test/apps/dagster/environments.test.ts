import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, symlink, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { FINISH } from '../../../src/apps/dagster/location-steps.ts';
import { DAGSTER_VERSION } from '../../../src/apps/dagster/versions.ts';
import { createPresets } from '../../../src/apps/presets.ts';
import { type Files, writeFiles } from '../app-world.ts';
import { LOCK, makeTree, PROJECT, recogniseFiles } from '../recognise-files.ts';
import { findUv } from './uv.ts';

const TOOL = '[tool.dagster]\nmodule_name = "shop.definitions"\n';
const POETRY = '[tool.poetry.dependencies]\npython = "^3.10"\n';
const POETRY_LOCK = '[[package]]\nname = "dagster"\nversion = "1.14.1"\n';
const uv = findUv();
const run = promisify(execFile);

describe('the environment of a location', () => {
  it.each<[string, Files, { setup: string; lock?: string; dagsterVersion?: string }]>([
    [
      'has the package beside its requirements where that says how it is built',
      { 'pyproject.toml': `${TOOL}[build-system]\nrequires = []\n`, 'requirements.txt': 'dagster==1.14.0 # new\n' },
      { setup: 'uv venv && uv pip install -r requirements.txt -e .', dagsterVersion: '1.14.0' },
    ],
    [
      'comes from setup.py alone',
      { 'pyproject.toml': TOOL, 'setup.py': '', 'setup.cfg': '[options]\npython_requires = >=3.9\n' },
      { setup: "uv venv --python '>=3.9' && uv pip install -e ." },
    ],
    [
      'comes from poetry.lock by the export of poetry',
      { 'pyproject.toml': TOOL + POETRY, 'poetry.lock': POETRY_LOCK },
      {
        setup:
          'uv venv --python \'>=3.10,<4\' && uv tool run --quiet --from poetry==2.5.1 --with poetry-plugin-export==1.10.1 poetry export --no-interaction --project . --output "$TMPDIR/poetry-requirements.txt" && uv pip install --no-deps -r "$TMPDIR/poetry-requirements.txt"',
        dagsterVersion: '1.14.1',
      },
    ],
    [
      'has a package of poetry installed beside its packages',
      { 'pyproject.toml': `${TOOL}[build-system]\nrequires = ["poetry-core"]\n`, 'poetry.lock': POETRY_LOCK },
      { setup: expect.stringMatching(/ && uv pip install --no-deps -e \.$/) as string },
    ],
    [
      'has the Python of .python-version, which comes before what the package requires',
      {
        'pyproject.toml': `${PROJECT}requires-python = ">=3.9"\n${TOOL}`,
        '.python-version': '# ours\n3.11\n',
      },
      { setup: 'uv venv --python 3.11 && uv pip install -e .' },
    ],
    [
      'has the Python of the app file before all others',
      {
        'pyproject.toml': PROJECT + TOOL,
        '.python-version': '3.11\n',
        'uv.lock': LOCK,
        '.branch-deployment.yml': 'python: "3.12"\n',
      },
      { setup: 'uv sync --locked --python 3.12', lock: 'uv.lock' },
    ],
    [
      "is poetry's own package without a lock",
      { 'pyproject.toml': `${TOOL}[tool.poetry]\nname = "x"\n[build-system]\nrequires = ["poetry-core"]\n` },
      { setup: 'uv venv && uv pip install -e .' },
    ],
    [
      'is left to a setup of its own, with its Python',
      {
        'pyproject.toml': PROJECT + TOOL,
        '.python-version': '2.7\n',
        '.branch-deployment.yml': 'setup: ./make-env\n',
      },
      { setup: './make-env' },
    ],
    [
      'leaves a .python-version to uv where uv.lock is there',
      { 'pyproject.toml': PROJECT + TOOL, '.python-version': '3.11\n', 'uv.lock': LOCK },
      { setup: 'uv sync --locked', lock: 'uv.lock' },
    ],
    [
      'takes no option and no path from a .python-version',
      { 'pyproject.toml': PROJECT + TOOL, '.python-version': '--config-file=/x\n' },
      { setup: 'uv venv && uv pip install -e .' },
    ],
  ])('%s', async (_, files, { dagsterVersion, ...location }) => {
    expect(await recogniseFiles(files)).toMatchObject({
      locations: [location],
      ...(dagsterVersion === undefined ? {} : { dagsterVersion }),
    });
  });

  it('is the uv.lock of a uv workspace for its members alone', async () => {
    const files = {
      'pyproject.toml': '[tool.uv.workspace]\nmembers = ["projects/*"]\nexclude = ["projects/old"]\n',
      'uv.lock': LOCK,
      'projects/new/pyproject.toml': PROJECT + TOOL,
      'projects/old/pyproject.toml': PROJECT + TOOL,
      'other/pyproject.toml': PROJECT + TOOL,
      'other/requirements.txt': 'dagster\n',
    };

    expect(await recogniseFiles(files, 'projects/new')).toMatchObject({ locations: [{ lock: 'uv.lock' }] });
    expect(await recogniseFiles(files, 'projects/old')).toMatchObject({
      locations: [{ setup: 'uv venv && uv pip install -e .' }],
    });
    expect(await recogniseFiles(files, 'other')).toMatchObject({
      locations: [{ setup: 'uv venv && uv pip install -r requirements.txt' }],
    });
  });

  it('is one for all locations of a folder, so their setups must not differ', async () => {
    const files = {
      'pyproject.toml': PROJECT,
      '.branch-deployment.yml': 'locations: [{ name: a, module: a }, { name: b, module: b, python: "3.11" }]\n',
    };

    await expect(recogniseFiles(files)).rejects.toThrow(
      'Locations a and b share the folder "." and so its environment, but have different setups. Give them the same setup and python, or a folder each.',
    );
  });

  it.each<[string, Files, string]>([
    [
      'a uv.lock',
      { 'uv.lock': 'version = 1\n[[package]]\nname = "shop"\n' },
      'uv.lock holds no dagster, so there is nothing that could run the location. Add it (run: uv add dagster).',
    ],
    [
      'a poetry.lock',
      { 'poetry.lock': '[[package]]\nname = "pandas"\nversion = "2.0"\n' },
      'poetry.lock holds no dagster, so there is nothing that could run the location. Add it (run: poetry add dagster).',
    ],
  ])('is refused where %s holds no dagster', async (_, files, message) => {
    await expect(recogniseFiles({ 'pyproject.toml': TOOL, ...files })).rejects.toMatchObject({
      status: 422,
      type: 'no-dagster',
      message,
    });
  });
});

it('byte code is made for what has none, or is of another time; what is bound to none stays', async () => {
  const environment = await makeTree();
  const names = ['bound_to_time', 'changed', 'made', 'new'];
  await writeFiles(environment, Object.fromEntries(names.map((name) => [`lib/${name}.py`, 'VALUE = 1\n'])));
  const python = (script: string) => run('python3', ['-c', script], { cwd: join(environment, 'lib') });
  await python(`
import py_compile
for name in ("bound_to_time", "changed"):
    py_compile.compile(name + ".py")
py_compile.compile("made.py", invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)`);
  const path = (await run('python3', ['-c', 'import sys; print(sys.executable)'])).stdout.trim();
  await mkdir(join(environment, 'bin'));
  await symlink(path, join(environment, 'bin/python'));
  await utimes(join(environment, 'lib/changed.py'), 1e9, 1e9);
  const codeOf = async (name: string): Promise<Buffer | undefined> => {
    const folder = join(environment, 'lib/__pycache__');
    const file = (await readdir(folder)).find((one) => one.startsWith(`${name}.`));
    return file === undefined ? undefined : readFile(join(folder, file));
  };
  const before = { time: await codeOf('bound_to_time'), changed: await codeOf('changed'), made: await codeOf('made') };
  expect(before.made?.subarray(4, 8)).not.toEqual(Buffer.alloc(4));
  expect(await codeOf('new')).toBeUndefined();

  await run('sh', ['-c', FINISH, 'sh', environment]);

  expect({ time: await codeOf('bound_to_time'), made: await codeOf('made') }).toEqual({
    time: before.time,
    made: before.made,
  });
  expect(await codeOf('changed')).not.toEqual(before.changed);
  expect((await codeOf('new'))?.subarray(4, 8)).toEqual(Buffer.alloc(4));
});

describe.runIf(uv)(`with the uv of this machine${uv ? '' : ' (left out: uv is not installed)'}`, () => {
  const presets = (pythonDownloads: boolean) =>
    createPresets({ uv: uv as string, pythonDownloads, passEnv: { PATH: process.env.PATH ?? '' } });

  it('a Python that is not installed is refused with those that are, unless it may be downloaded', async () => {
    const tree = await makeTree();
    await writeFiles(tree, {
      'pyproject.toml': `${PROJECT}requires-python = ">=3.10"\n${TOOL}`,
      'old/pyproject.toml': `${PROJECT}${TOOL}`,
      'old/.python-version': '2.7\n',
    });
    const request = (directory: string) => ({ tree, directory, timeoutMs: 60_000 });
    const strict = presets(false);

    await expect(strict.recognise(request('old'))).rejects.toMatchObject({
      status: 422,
      type: 'no-python',
      message: expect.stringMatching(
        /^Location old wants Python 2\.7 \(old\/\.python-version\), which is not installed on the machine of the service\. Installed are 3\.\d+\.\d+.*BD_PYTHON_DOWNLOADS=true\.$/,
      ),
    });
    await expect(strict.recognise(request('.'))).resolves.toMatchObject({ locations: [{ name: 'shop-etl' }] });
    await expect(presets(true).recognise(request('old'))).resolves.toMatchObject({ locations: [{ name: 'old' }] });
  });

  it('a poetry.lock gives its main packages, without what they would bring', { timeout: 120_000 }, async () => {
    const files = {
      'pyproject.toml': `[project]
name = "old-etl"
version = "1"
requires-python = ">=3.10,<4"
dependencies = ["dagster (>=1.13)", "iniconfig (>=2.0)"]

[tool.poetry]
package-mode = false

[tool.poetry.group.dev.dependencies]
packaging = "*"

[tool.dagster]
module_name = "old_etl.definitions"
`,
      'poetry.lock': `${[
        ['dagster', DAGSTER_VERSION, 'main'],
        ['iniconfig', '2.0.0', 'main'],
        ['packaging', '24.2', 'dev'],
      ]
        .map(
          ([name, version, group]) =>
            `[[package]]\nname = "${name}"\nversion = "${version}"\ndescription = ""\noptional = false\npython-versions = ">=3.8"\ngroups = ["${group}"]\nfiles = []\n`,
        )
        .join('\n')}
[metadata]
lock-version = "2.1"
python-versions = ">=3.10,<4"
content-hash = "71e8d839a8f0532c8db1580f411d389bcd5632c57fc58146f833b82f9baaf6e6"
`,
    };
    const tree = await makeTree();
    const spec = await recogniseFiles(files, '.', tree);
    const setup = spec.preset === 'dagster' ? spec.locations[0]?.setup : undefined;
    const cache = process.env.BD_TEST_UV_CACHE;
    const { TMPDIR: _, ...surroundings } = process.env;

    await run('sh', ['-c', setup as string], {
      cwd: tree,
      env: {
        ...surroundings,
        ...(cache ? { UV_CACHE_DIR: cache } : {}),
        ...(uv?.includes('/') ? { PATH: `${dirname(uv)}:${process.env.PATH}` } : {}),
        HOME: tree,
        TMPDIR: tree,
        UV_LINK_MODE: 'copy',
        VIRTUAL_ENV: join(tree, '.venv'),
      },
    });
    const [python] = await readdir(join(tree, '.venv/lib'));
    const packages = await readdir(join(tree, '.venv/lib', python as string, 'site-packages'));

    expect(packages.filter((name) => name.endsWith('.dist-info')).toSorted()).toEqual([
      `dagster-${DAGSTER_VERSION}.dist-info`,
      'iniconfig-2.0.0.dist-info',
    ]);
  });
});
