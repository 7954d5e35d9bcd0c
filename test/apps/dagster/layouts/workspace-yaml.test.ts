import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { locationsOf, makeTree, recogniseFiles, SETUP } from '../../recognise-files.ts';

describe('workspace.yaml', () => {
  it('is read as Dagster reads it: names, folders to import from, and the folder to start in', async () => {
    const { why, remarks, locations } = await locationsOf({
      'workspace.yaml': `
load_from:
  - python_file: repository.py
  - python_file:
      relative_path: etl/defs/main.py
      attribute: defs
      working_directory: etl
      executable_path: venvs/etl/bin/python
  - python_module: shop.definitions
  - python_module: { module_name: shop.old, location_name: old, attribute: repo }
  - python_package: { package_name: tools, working_directory: ./packages }
  - autoload_defs_module: { module_name: auto.defs }
`,
      ...SETUP,
      'repository.py': '',
      'etl/defs/main.py': '',
      'etl/requirements.txt': '',
      'packages/tools/__init__.py': '',
    });

    expect(why).toBe('preset dagster: workspace.yaml lists 6 locations');
    expect(remarks).toContain(
      'workspace.yaml: left out, as each location gets an environment of its own: executable_path',
    );
    expect(locations).toMatchObject([
      { name: 'repository.py', directory: '.', load: { kind: 'file', path: 'repository.py' } },
      {
        name: 'main.py:defs',
        directory: 'etl',
        startIn: '.',
        load: { kind: 'file', path: 'defs/main.py' },
        attribute: 'defs',
        setup: 'uv venv && uv pip install -r requirements.txt',
      },
      { name: 'shop.definitions', directory: '.', load: { kind: 'module', name: 'shop.definitions' } },
      { name: 'old', directory: '.', attribute: 'repo' },
      {
        name: 'tools',
        directory: 'packages',
        startIn: '.',
        load: { kind: 'package', name: 'tools' },
        setup: 'uv venv && uv pip install -r ../requirements.txt',
      },
      { name: 'auto.defs', load: { kind: 'autoload', name: 'auto.defs' } },
    ]);
    expect(locations[0]).not.toHaveProperty('startIn');
  });

  it.each<[string, string, string]>([
    ['nothing', 'load_from: []\n', 'workspace.yaml: load_from lists nothing. The smallest that would work:'],
    ['two in one', 'load_from: [{ python_module: a, python_file: b }]\n', 'load_from[0] needs exactly one of'],
    ['a kind that is not known', 'load_from: [{ python: a }]\n', 'load_from[0] needs exactly one of python_file'],
    [
      'a value from the environment',
      'load_from: [{ python_module: { module_name: { env: MODULE } } }]\n',
      'load_from[0].python_module.module_name is not a text. Write the value itself.',
    ],
    [
      'a folder outside of the upload',
      'load_from: [{ python_module: { module_name: a, working_directory: /app } }]\n',
      'load_from[0].python_module.working_directory: "/app" leaves the uploaded folder.',
    ],
    [
      'a server of somebody else, beside code',
      'load_from: [{ python_module: a }, { grpc_server: { host: prod, port: 4000 } }]\n',
      "workspace.yaml has a grpc_server entry: a preview would show that server's code",
    ],
    [
      'two files of one name',
      'load_from: [{ python_file: a/repo.py }, { python_file: b/repo.py }]\n',
      'two of them have the name "repo.py"',
    ],
  ])('is refused with what to change: %s', async (_, text, message) => {
    await expect(
      recogniseFiles({ 'workspace.yaml': text, ...SETUP, 'a/repo.py': '', 'b/repo.py': '' }),
    ).rejects.toMatchObject({ status: 422, message: expect.stringContaining(message) });
  });

  it('cannot load a file through a link that leaves the upload', async () => {
    const tree = await makeTree();
    await mkdir(join(tree, 'etl'));
    await symlink('/etc/passwd', join(tree, 'etl/repo.py'));

    await expect(
      recogniseFiles({ 'workspace.yaml': 'load_from: [{ python_file: etl/repo.py }]\n', ...SETUP }, '.', tree),
    ).rejects.toThrow('Location repo.py: there is no file "etl/repo.py" in what was uploaded.');
  });
});
