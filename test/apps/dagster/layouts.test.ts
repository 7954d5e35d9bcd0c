import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Files } from '../app-world.ts';
import { LOCK, makeTree, recogniseFiles, TOOL_DG } from '../recognise-files.ts';

const SETUP: Files = { 'requirements.txt': 'dagster\n' };
const DG_PROJECT = 'directory_type = "project"\n[project]\nroot_module = "bee"\n';
const workspace = (...paths: string[]): string =>
  `directory_type = "workspace"\n${paths.map((path) => `[[workspace.projects]]\npath = "${path}"\n`).join('')}`;

async function locationsOf(files: Files, directory = '.') {
  const spec = await recogniseFiles(files, directory);
  if (spec.preset !== 'dagster') throw new Error(`recognised as ${spec.preset}`);
  return { why: spec.remarks[0], remarks: spec.remarks.join('\n'), locations: spec.locations };
}

describe('a dg workspace', () => {
  const projects: Files = {
    'projects/a/pyproject.toml': `[project]\nname = "not-a"\n${TOOL_DG}`,
    'projects/a/src/shop/__init__.py': '',
    'projects/a/uv.lock': LOCK,
    'projects/b/dg.toml': `${DG_PROJECT}code_location_name = "B"\nagent_queue = "blue"\n`,
    'projects/b/requirements.txt': 'dagster==1.9.13\n',
  };

  it('is each of its projects, with its folder, its environment and the name that dg gives it', async () => {
    const { why, remarks, locations } = await locationsOf({
      'dg.toml': workspace('projects/a', './projects/b/'),
      ...projects,
    });

    expect(why).toBe('preset dagster: dg.toml declares a workspace of 2 projects');
    expect(remarks).toContain('projects/b/dg.toml: left out, as it has no meaning here: project.agent_queue');
    expect(locations).toMatchObject([
      {
        name: 'a',
        directory: 'projects/a',
        load: { kind: 'module', name: 'shop.definitions' },
        importsFrom: 'projects/a/src',
        setup: 'uv sync --locked',
        lock: 'projects/a/uv.lock',
      },
      {
        name: 'B',
        directory: 'projects/b',
        load: { kind: 'module', name: 'bee.definitions' },
        setup: 'uv venv && uv pip install -r requirements.txt',
      },
    ]);
    expect(locations[1]).not.toHaveProperty('importsFrom');
  });

  it('may be declared by [tool.dg] in pyproject.toml, in a folder of its own', async () => {
    const { why, locations } = await locationsOf(
      {
        'data/pyproject.toml': `[tool.dg]\ndirectory_type = "workspace"\n[[tool.dg.workspace.projects]]\npath = "b"\n`,
        'data/b/dg.toml': DG_PROJECT,
        'data/b/requirements.txt': '',
      },
      'data',
    );

    expect(why).toBe('preset dagster: [tool.dg] in data/pyproject.toml declares a workspace of one project');
    expect(locations).toMatchObject([{ name: 'b', directory: 'data/b' }]);
  });

  it.each<[string, Files, string]>([
    [
      'no projects',
      { 'dg.toml': 'directory_type = "workspace"\n' },
      'dg.toml: the workspace lists no projects. Add one',
    ],
    [
      'a project that was not uploaded',
      { 'dg.toml': workspace('gone') },
      'dg.toml: workspace.projects[0].path: there is no folder "gone" in what was uploaded.',
    ],
    [
      'a pattern',
      { 'dg.toml': workspace('projects/*'), ...projects },
      'there is no folder "projects/*" in what was uploaded. dg knows no patterns: list each project.',
    ],
    [
      'a project outside of the upload',
      { 'dg.toml': workspace('../other') },
      'dg.toml: workspace.projects[0].path: "../other" leaves the uploaded folder. Set the component\'s input "context"',
    ],
    [
      "a folder that is no project of dg's",
      { 'dg.toml': workspace('x'), 'x/pyproject.toml': '[project]\nname = "x"\n' },
      `dg.toml: workspace.projects[0].path: "x" is not a project of dg's. Give it a dg.toml:`,
    ],
    [
      'two projects of one name',
      { 'dg.toml': workspace('a/etl', 'b/etl'), 'a/etl/dg.toml': DG_PROJECT, 'b/etl/dg.toml': DG_PROJECT },
      'dg.toml declares a workspace of 2 projects, and two of them have the name "etl". Give each a name of its own',
    ],
    [
      'a project without its package',
      { 'dg.toml': 'directory_type = "project"\n' },
      'dg.toml: project.root_module is missing.',
    ],
  ])('is refused with what to change: %s', async (_, files, message) => {
    await expect(recogniseFiles(files)).rejects.toMatchObject({
      status: 422,
      message: expect.stringContaining(message),
    });
  });
});

describe('dagster_cloud.yaml', () => {
  it('works as Dagster+ reads it, and what has no meaning here is named', async () => {
    const { why, remarks, locations } = await locationsOf({
      'dagster_cloud.yaml': `
defaults:
  image: registry.example.com/etl
  build: { registry: registry.example.com, directory: services }
locations:
  - location_name: pipeline
    code_source: { package_name: pipeline }
    build: { directory: ./pipeline }
    attribute: defs
    agent_queue: blue
    container_context: { k8s: { namespace: data } }
  - location_name: ml
    code_source: { python_file: ml/defs.py }
    working_directory: ./ml
    executable_path: venvs/ml/bin/python
  - location_name: auto
    code_source: { autoload_defs_module_name: auto.defs }
    build: { directory: . }
    working_directory: /opt/dagster/app
  - { location_name: mod, code_source: { module_name: mod.definitions }, build: { directory: . } }
`,
      ...SETUP,
      'pipeline/setup.py': '',
      'services/ml/defs.py': '',
      'workspace.yaml': 'load_from: [{ python_module: local }]\n',
    });

    expect(why).toBe('preset dagster: dagster_cloud.yaml lists 4 locations');
    expect(remarks).toContain(
      'dagster_cloud.yaml: left out, as it has no meaning here: agent_queue, build.registry, container_context, executable_path, image, working_directory /opt/dagster/app',
    );
    expect(locations).toMatchObject([
      {
        name: 'pipeline',
        directory: 'pipeline',
        load: { kind: 'package', name: 'pipeline' },
        attribute: 'defs',
        setup: 'uv venv && uv pip install -e .',
      },
      {
        name: 'ml',
        directory: 'services',
        load: { kind: 'file', path: 'ml/defs.py' },
        importsFrom: 'services/ml',
        setup: 'uv venv && uv pip install -r ../requirements.txt',
      },
      { name: 'auto', directory: '.', load: { kind: 'autoload', name: 'auto.defs' } },
      { name: 'mod', directory: '.', load: { kind: 'module', name: 'mod.definitions' } },
    ]);
    expect(locations[2]).not.toHaveProperty('importsFrom');
  });

  it.each<[string, string, string]>([
    ['no locations', 'locations: []\n', 'dagster_cloud.yaml: it lists no locations. The smallest that would work:'],
    ['no YAML', 'locations: [\n', 'dagster_cloud.yaml: line '],
    [
      'a location without a name',
      'locations: [{ code_source: { module_name: a } }]\n',
      'dagster_cloud.yaml: locations[0].location_name is missing.',
    ],
    [
      'a location without code',
      'locations: [{ location_name: a }]\n',
      'locations[0].code_source of a is missing: it needs exactly one of module_name, package_name, python_file, autoload_defs_module_name.',
    ],
    [
      'two kinds of code',
      'locations: [{ location_name: a, code_source: { module_name: a, package_name: b } }]\n',
      'locations[0].code_source of a has module_name and package_name:',
    ],
    [
      'a folder outside of the upload',
      'locations: [{ location_name: a, code_source: { module_name: a }, build: { directory: ../x } }]\n',
      'locations[0].build.directory: "../x" leaves the uploaded folder.',
    ],
    [
      'a file outside of the upload',
      'locations: [{ location_name: a, code_source: { python_file: /app/a.py } }]\n',
      'locations[0].code_source.python_file: "/app/a.py" leaves the uploaded folder.',
    ],
    [
      'a file that is not there',
      'locations: [{ location_name: a, code_source: { python_file: a.py } }]\n',
      'Location a: there is no file "a.py" in what was uploaded.',
    ],
    [
      'two locations of one name',
      'locations: [{ location_name: a, code_source: { module_name: a } }, { location_name: a, code_source: { module_name: b } }]\n',
      'dagster_cloud.yaml lists 2 locations, and two of them have the name "a".',
    ],
    [
      'an option for a module',
      'locations: [{ location_name: a, code_source: { module_name: --x } }]\n',
      'Location a: "--x" is not the name of a Python module.',
    ],
  ])('is refused with what to change: %s', async (_, text, message) => {
    await expect(recogniseFiles({ 'dagster_cloud.yaml': text, ...SETUP })).rejects.toMatchObject({
      status: 422,
      message: expect.stringContaining(message),
    });
  });
});

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

describe('[tool.dagster]', () => {
  it('with several modules is a location for each, of its own name', async () => {
    const { why, locations } = await locationsOf({
      'pyproject.toml':
        '[project]\nname = "x"\n[tool.dagster]\nmodules = [{ type = "module", name = "a.defs" }, { type = "other", name = "o" }, { type = "module", name = "b.defs" }]\n',
      ...SETUP,
    });

    expect(why).toBe('preset dagster: [tool.dagster] in pyproject.toml names the modules a.defs, b.defs');
    expect(locations).toMatchObject([
      { name: 'a.defs', load: { kind: 'module', name: 'a.defs' } },
      { name: 'b.defs', load: { kind: 'module', name: 'b.defs' } },
    ]);
  });

  it.each<[string, string, string]>([
    [
      'both keys',
      'module_name = "a"\nmodules = [{ type = "module", name = "b" }]',
      'only one of module_name and modules',
    ],
    ['a module without a type', 'modules = [{ name = "b" }]', 'modules[0] is not of the form { type = "module"'],
    [
      'one name for two modules',
      'code_location_name = "x"\nmodules = [{ type = "module", name = "a" }, { type = "module", name = "b" }]',
      'names the modules a, b, and two of them have the name "x"',
    ],
  ])('is refused with what to change: %s', async (_, text, message) => {
    await expect(recogniseFiles({ 'pyproject.toml': `[tool.dagster]\n${text}\n`, ...SETUP })).rejects.toMatchObject({
      status: 422,
      message: expect.stringContaining(message),
    });
  });
});

describe('of several files that declare locations', () => {
  const files: Files = {
    'dg.toml': DG_PROJECT,
    'dagster_cloud.yaml': 'locations: [{ location_name: cloud, code_source: { module_name: a } }]\n',
    'workspace.yaml': 'load_from: [{ python_module: work }]\n',
    'pyproject.toml': '[tool.dagster]\nmodule_name = "tool"\n',
    ...SETUP,
  };

  it.each([
    ['dg.toml', 'bee'],
    ['dagster_cloud.yaml', 'cloud'],
    ['workspace.yaml', 'work'],
    ['pyproject.toml', 'tool'],
  ])('%s comes before those below it', async (file, name) => {
    const above = Object.keys(files).slice(0, Object.keys(files).indexOf(file));
    const { locations } = await locationsOf({ ...files, ...Object.fromEntries(above.map((one) => [one, null])) });

    expect(locations.map((one) => one.name)).toEqual([name]);
  });
});
