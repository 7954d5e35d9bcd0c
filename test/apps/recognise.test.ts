import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Files } from './app-world.ts';
import { makeTree, recogniseFiles, TOOL_DG } from './recognise-files.ts';

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

  it('says which of its inputs is not there', async () => {
    const spec = await recogniseFiles({
      '.branch-deployment.yml': 'setup: x\nstart: x\nsetup_inputs: [lock, patches, "req/*.txt"]\n',
      lock: '',
      'patches/a': '',
      'req/a.txt': '',
    });

    expect(spec.remarks.filter((one) => one.startsWith('setup_inputs'))).toEqual([
      'setup_inputs: there is no "req/*.txt" (it takes no patterns), so it decides nothing',
    ]);
  });

  it('cannot name files outside of what was uploaded', async () => {
    const file = { 'web/.branch-deployment.yml': 'setup: x\nstart: x\nsetup_inputs: [../../secret]\n' };

    await expect(recogniseFiles(file, 'web')).rejects.toThrow(
      '.branch-deployment.yml: setup_inputs: "../../secret" leaves the uploaded folder.',
    );
  });

  it('cannot have an app file that is a link to a file of the machine', async () => {
    const tree = await makeTree();
    await symlink('/etc/hostname', join(tree, '.branch-deployment.yml'));

    await expect(recogniseFiles({}, '.', tree)).rejects.toThrow(
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

describe('what cannot be run', () => {
  it.each<[string, Files, string]>([
    [
      'workspace.yaml with a server of somebody else',
      { 'workspace.yaml': 'load_from:\n  - grpc_server:\n      host: prod\n' },
      `workspace.yaml has a grpc_server entry: a preview would show that server's code, not the branch's. Name the branch's own code in .branch-deployment.yml:\nlocations:\n  - { name: "main", module: my_project.definitions }`,
    ],
    [
      'a project that says nothing about what to install',
      { 'pyproject.toml': TOOL_DG },
      'The project has no uv.lock, requirements.txt, poetry.lock or setup.py, and no [project] in pyproject.toml: nothing says what to install. Add one of them that names dagster (run: uv init --bare && uv add dagster), or the key setup to .branch-deployment.yml.',
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
    const files = { 'web/package.json': '{"scripts":{"start":"node ."}}', 'web/package-lock.json': '{}' };

    await expect(recogniseFiles(files, 'web')).rejects.toMatchObject({
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
