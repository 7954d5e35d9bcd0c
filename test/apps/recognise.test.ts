import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { recognise } from '../../src/apps/recognise.ts';
import type { AppSpec } from '../../src/deployment/app-spec.ts';
import { type Files, writeFiles } from './app-world.ts';

let tree: string;

beforeEach(async () => {
  tree = await mkdtemp(join(tmpdir(), 'tree-'));
});

afterEach(() => rm(tree, { recursive: true, force: true }));

async function recogniseFiles(files: Files, directory = '.'): Promise<AppSpec> {
  await writeFiles(tree, files);
  return recognise({ tree, directory, timeoutMs: 60_000 }, { passed: ['UV_INDEX_URL'] });
}

const PROJECT = '[project]\nname = "shop-etl"\nversion = "1"\ndependencies = ["dagster"]\n';
const TOOL_DG = '[tool.dg]\ndirectory_type = "project"\n[tool.dg.project]\nroot_module = "shop"\n';
const LOCK = 'version = 1\n[[package]]\nname = "dagster"\nversion = "1.12.3"\n';

describe('a web application', () => {
  it('is what the app file says, with the lock files that are there as inputs of setup', async () => {
    const spec = await recogniseFiles({
      '.branch-deployment.yml':
        'setup: npm ci\nprepare: npm run build\nstart: node server.js\nenv: { MODE: preview }\n',
      'package.json': '{}',
      'package-lock.json': '{}',
    });

    expect(spec).toEqual({
      preset: 'command',
      directory: '.',
      env: { MODE: 'preview' },
      dotenv: {},
      timeoutMs: 60_000,
      setup: 'npm ci',
      setupInputs: ['package-lock.json', 'package.json'],
      setupOutputs: ['node_modules', '.venv'],
      prepare: 'npm run build',
      start: 'node server.js',
      health: '/',
      remarks: [
        'preset command: .branch-deployment.yml says so',
        'setup: its outputs are kept for the content of package-lock.json, package.json',
      ],
    });
  });

  it('has paths from the root of the tree, also in a folder of its own', async () => {
    const spec = await recogniseFiles(
      {
        'apps/web/.branch-deployment.yml':
          'setup: npm ci\nstart: x\nsetup_inputs: [../../lock]\nsetup_outputs: [out]\n',
      },
      'apps/web',
    );

    expect(spec).toMatchObject({ directory: 'apps/web', setupInputs: ['lock'], setupOutputs: ['apps/web/out'] });
  });

  it('runs setup for every revision where no lock file is there', async () => {
    const spec = await recogniseFiles({ '.branch-deployment.yml': 'setup: make\nstart: x\n' });

    expect(spec).toMatchObject({ setupInputs: [] });
    expect(spec.remarks).toContain(
      'setup runs for every revision: no lock file is there, and setup_inputs names no file',
    );
  });

  it('cannot name files outside of what was uploaded', async () => {
    const file = { 'web/.branch-deployment.yml': 'setup: x\nstart: x\nsetup_inputs: [../../secret]\n' };

    await expect(recogniseFiles(file, 'web')).rejects.toThrow(
      '.branch-deployment.yml: setup_inputs: "../../secret" leaves the uploaded folder.',
    );
  });

  it('cannot have an app file that is a link to a file of the machine', async () => {
    await symlink('/etc/hostname', join(tree, '.branch-deployment.yml'));

    await expect(recogniseFiles({})).rejects.toThrow(
      '".branch-deployment.yml" is a link that leaves the uploaded folder. Put the file itself there.',
    );
  });
});

describe('a .env of the repository', () => {
  it('is read, but for the names that are not its to set; values are not told', async () => {
    const spec = await recogniseFiles({
      '.branch-deployment.yml': 'start: x\n',
      '.env':
        'A=1\nDAGSTER_HOME=/prod\nDAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT=0\nPORT=80\nUV_INDEX_URL=x\nB="two words"\nhttps_proxy=p\n',
    });

    expect(spec.dotenv).toEqual({ A: '1', B: 'two words' });
    expect(spec.remarks.slice(1)).toEqual([
      '.env: 2 values are handed over; the file itself is taken out of the tree',
      'warning: .env sets DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT, DAGSTER_HOME, PORT, UV_INDEX_URL, https_proxy: refused, a .env cannot change what the deployment is given',
    ]);
  });
});

describe('a Dagster project', () => {
  it('is recognised by [tool.dg] with uv.lock', async () => {
    const spec = await recogniseFiles({ 'pyproject.toml': PROJECT + TOOL_DG, 'uv.lock': LOCK });

    expect(spec).toEqual({
      preset: 'dagster',
      directory: '.',
      env: {},
      dotenv: {},
      timeoutMs: 60_000,
      dagsterVersion: '1.12.3',
      locations: [
        {
          name: 'shop-etl',
          directory: '.',
          load: { kind: 'module', name: 'shop.definitions' },
          optional: false,
          setup: 'uv sync --locked',
          lock: 'uv.lock',
        },
      ],
      remarks: [
        'preset dagster: [tool.dg] in pyproject.toml declares a project',
        'no daemon runs yet: backfills, schedules and sensors wait',
        'location shop-etl: module shop.definitions in the root, environment by uv sync --locked (uv.lock)',
      ],
    });
  });

  it.each<[string, Files, string, Record<string, unknown>]>([
    [
      'dg.toml of one project comes before [tool.dg]',
      {
        'dg.toml': 'directory_type = "project"\n[project]\nroot_module = "other"\ncode_location_name = "named"\n',
        'pyproject.toml': PROJECT + TOOL_DG,
      },
      '.',
      { name: 'named', load: { kind: 'module', name: 'other.definitions' }, setup: 'uv venv && uv pip install -e .' },
    ],
    [
      'code_location_target_module is what is loaded',
      { 'pyproject.toml': `${PROJECT}${TOOL_DG}code_location_target_module = "shop.main"\n`, 'requirements.txt': '' },
      '.',
      { load: { kind: 'module', name: 'shop.main' }, setup: 'uv venv && uv pip install -r requirements.txt' },
    ],
    [
      'autoload_defs loads the folder of definitions',
      { 'pyproject.toml': `${PROJECT}${TOOL_DG}autoload_defs = true\n` },
      '.',
      { load: { kind: 'autoload', name: 'shop.defs' } },
    ],
    [
      'the name of a project in a folder is the name of the folder, as dg says',
      { 'projects/sales/pyproject.toml': PROJECT + TOOL_DG },
      'projects/sales',
      { name: 'sales', directory: 'projects/sales' },
    ],
    [
      '[tool.dagster] names a module',
      { 'pyproject.toml': `${PROJECT}[tool.dagster]\nmodule_name = "shop.defs"\ncode_location_name = "shop"\n` },
      '.',
      { name: 'shop', load: { kind: 'module', name: 'shop.defs' } },
    ],
    [
      'the uv.lock of a uv workspace above it is its own',
      {
        'pyproject.toml': '[tool.uv.workspace]\nmembers = ["projects/*"]\n',
        'uv.lock': LOCK,
        'projects/sales/pyproject.toml': PROJECT + TOOL_DG,
      },
      'projects/sales',
      { setup: 'uv sync --locked', lock: 'uv.lock' },
    ],
    [
      'the app file sets setup, prepare and python of what is recognised',
      {
        'pyproject.toml': PROJECT + TOOL_DG,
        'uv.lock': LOCK,
        '.branch-deployment.yml': 'python: 3.10\nprepare: dg utils x\n',
      },
      '.',
      { python: '3.10', setup: 'uv sync --locked --python 3.10', prepare: 'dg utils x' },
    ],
  ])('%s', async (_, files, directory, location) => {
    const spec = await recogniseFiles(files, directory);

    expect(spec).toMatchObject({ preset: 'dagster', locations: [location] });
  });

  it('is what `locations:` of the app file say, each with its own folder, .env and setup', async () => {
    const spec = await recogniseFiles({
      '.branch-deployment.yml': [
        'locations:',
        '  - { name: etl, directory: etl, module: etl.definitions }',
        '  - { name: ml, directory: ml, file: defs/main.py, attribute: defs, optional: true, setup: ./make-env }',
      ].join('\n'),
      'etl/requirements.txt': 'dagster\n',
      'etl/.env': 'ETL=1\n',
      'ml/defs/main.py': '',
    });

    expect(spec).toMatchObject({
      preset: 'dagster',
      locations: [
        {
          name: 'etl',
          directory: 'etl',
          load: { kind: 'module', name: 'etl.definitions' },
          optional: false,
          dotenv: { ETL: '1' },
        },
        {
          name: 'ml',
          directory: 'ml',
          load: { kind: 'file', path: 'defs/main.py' },
          attribute: 'defs',
          optional: true,
          setup: './make-env',
        },
      ],
    });
  });
});

describe('what cannot be run', () => {
  it.each<[string, Files, string]>([
    [
      'a dg workspace',
      {
        'dg.toml':
          'directory_type = "workspace"\n[workspace]\n[[workspace.projects]]\npath = "projects/a"\n[[workspace.projects]]\npath = "projects/b"\n',
        'projects/a/pyproject.toml': TOOL_DG,
        'projects/b/dg.toml': 'directory_type = "project"\n[project]\nroot_module = "bee"\ncode_location_name = "B"\n',
      },
      'dg.toml (a dg workspace) is recognised, but not run by this version yet. Until then name its code locations in .branch-deployment.yml:\nlocations:\n  - { name: "a", directory: "projects/a", module: shop.definitions }\n  - { name: "B", directory: "projects/b", module: bee.definitions }',
    ],
    [
      'dagster_cloud.yaml',
      { 'dagster_cloud.yaml': 'locations:\n  - location_name: a\n' },
      'dagster_cloud.yaml is recognised, but not run by this version yet. Until then name its code locations in .branch-deployment.yml:\nlocations:\n  - { name: "main", module: my_project.definitions }',
    ],
    [
      'workspace.yaml with a server of somebody else',
      { 'workspace.yaml': 'load_from:\n  - grpc_server:\n      host: prod\n' },
      `workspace.yaml has a grpc_server entry: a preview would show that server's code, not the branch's. Name the branch's own code in .branch-deployment.yml:\nlocations:\n  - { name: "main", module: my_project.definitions }`,
    ],
    [
      'a project of poetry',
      { 'pyproject.toml': TOOL_DG, 'poetry.lock': '' },
      'poetry.lock: environments from poetry.lock are not built yet. Add a uv.lock (run: uv lock) or a requirements.txt, or say how in .branch-deployment.yml with the key setup.',
    ],
    [
      'a project that says nothing about what to install',
      { 'pyproject.toml': TOOL_DG },
      'The project has no uv.lock, no requirements.txt and no [project] in pyproject.toml: nothing says what to install. Add one of them (run: uv lock), or the key setup to .branch-deployment.yml.',
    ],
    ['a pyproject.toml that is no TOML', { 'pyproject.toml': 'a = \n' }, 'pyproject.toml is not TOML: '],
    [
      'a location whose folder is not there',
      { '.branch-deployment.yml': 'locations: [{ name: a, directory: gone, module: a }]\n' },
      'Location a: there is no folder "gone" in what was uploaded.',
    ],
    [
      'a location outside of the upload',
      { '.branch-deployment.yml': 'locations: [{ name: a, directory: .., module: a }]\n' },
      '.branch-deployment.yml: locations: ".." leaves the uploaded folder.',
    ],
  ])('%s is refused by name', async (_, files, message) => {
    await expect(recogniseFiles(files)).rejects.toMatchObject({
      status: 422,
      message: expect.stringContaining(message),
    });
  });

  it('is answered with the smallest file that would work', async () => {
    await mkdir(join(tree, 'web'));
    await writeFile(join(tree, 'web/package.json'), '{"scripts":{"start":"node ."}}');
    await writeFile(join(tree, 'web/package-lock.json'), '{}');

    await expect(recogniseFiles({}, 'web')).rejects.toMatchObject({
      status: 422,
      type: 'nothing-recognised',
      message: `Nothing that can be run was recognised in the folder "web" (the component's input "directory"): there is no .branch-deployment.yml, dg.toml, [tool.dg] or [tool.dagster] in pyproject.toml, dagster_cloud.yaml or workspace.yaml.
If the app lies in another folder, set the input "directory" to it. Else add the file web/.branch-deployment.yml, for a web application:

setup: npm ci
start: npm start

or for a Dagster project:

locations:
  - { name: main, module: my_project.definitions }`,
    });
  });

  it('is a folder that is not there', async () => {
    await expect(recogniseFiles({}, 'apps/none')).rejects.toThrow(
      'There is no folder "apps/none" in what was uploaded. Set the component\'s inputs so that "directory" lies within "context".',
    );
  });
});
