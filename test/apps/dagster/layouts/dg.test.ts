import { describe, expect, it } from 'vitest';
import type { Files } from '../../app-world.ts';
import { DG_PROJECT, LOCK, locationsOf, recogniseFiles, TOOL_DG } from '../../recognise-files.ts';

const workspace = (...paths: string[]): string =>
  `directory_type = "workspace"\n${paths.map((path) => `[[workspace.projects]]\npath = "${path}"\n`).join('')}`;

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
