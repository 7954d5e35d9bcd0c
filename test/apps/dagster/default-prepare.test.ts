import { execFile } from 'node:child_process';
import { chmod } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { DagsterLocation, DagsterSpec } from '../../../src/deployment/app-spec.ts';
import { type Files, writeFiles } from '../app-world.ts';
import { makeTree, PROJECT, recogniseFiles, TOOL_DG } from '../recognise-files.ts';

const PLAIN: Files = { 'pyproject.toml': PROJECT + TOOL_DG };
const DG: Files = { ...PLAIN, 'shop/defs/any/defs.yaml': 'type: shop.AnyComponent\n' };
const COMPONENT: Files = {
  'dbt/dbt_project.yml': 'name: shop\n',
  'shop/defs/dbt/defs.yaml': 'type: dagster_dbt.DbtProjectComponent\n',
};

const TWO_LOCATIONS: Files = {
  '.branch-deployment.yml':
    'setup: make env\nlocations:\n  - { name: etl, module: etl }\n  - { name: ml, directory: ml, module: ml }\n',
};

async function locationsOf(files: Files): Promise<readonly DagsterLocation[]> {
  return ((await recogniseFiles(files)) as DagsterSpec).locations;
}

/** Runs what is made of these files, in an environment with such programs. */
async function prepare(files: Files, programs: Files): Promise<{ code: number; output: string }> {
  const tree = await makeTree();
  const spec = (await recogniseFiles(files, '.', tree)) as DagsterSpec;
  const bin = join(tree, '.venv/bin');
  await writeFiles(bin, programs);
  for (const name of Object.keys(programs)) await chmod(join(bin, name), 0o700);
  const env = { PATH: [bin, '/usr/bin', '/bin'].join(delimiter), VIRTUAL_ENV: join(tree, '.venv') };
  return await new Promise((done) => {
    const script = spec.locations[0]?.prepare as string;
    const child = execFile('/bin/sh', ['-c', script], { cwd: tree, env }, (_, stdout, stderr) =>
      done({ code: child.exitCode as number, output: stdout + stderr }),
    );
  });
}

const says = (text: string, code = 0): string => `#!/bin/sh\necho ${text} "$@"\nexit ${code}\n`;

describe('the default of prepare', () => {
  it('is for each file that makes a DbtProject, but not one of another location or within a function', async () => {
    const made = 'from dagster_dbt import DbtProject\nproject: DbtProject = DbtProject("dbt")\n';
    const locations = await locationsOf({
      '.branch-deployment.yml':
        'setup: make env\nlocations:\n  - { name: etl, module: etl }\n  - { name: ml, directory: ml, module: ml, prepare: make ml }\n',
      'dbt/dbt_project.yml': 'name: shop\n',
      'dbt/dbt_packages/other/dbt_project.yml': 'name: other\n',
      "etl/it's.py": made,
      'etl/test_it.py': 'def test_it():\n    project = DbtProject("x")\n',
      'ml/project.py': made,
    });

    expect(locations).toMatchObject([{ dbtProjects: ['dbt'] }, { dbtProjects: ['dbt'], prepare: 'make ml' }]);
    expect(locations[0]?.prepare?.split('\n').slice(2)).toEqual([
      "dagster-dbt project prepare-and-package --file 'etl/it'\\''s.py' || exit",
    ]);
  });

  it('is nothing where neither dg nor dbt is used', async () => {
    const [location] = await locationsOf({
      'pyproject.toml': `${PROJECT}[tool.dagster]\nmodule_name = "shop"\n`,
      'dbt/dbt_project.yml': 'name: shop\n',
    });

    expect(location).not.toHaveProperty('prepare');
  });

  it.each<[string, Files, boolean]>([
    ['no component', { 'shop/defs/jobs.py': '# component_instance\ncomponent = 1\n' }, false],
    ['a component in YAML', { 'shop/defs/any/defs.yml': 'type: shop.AnyComponent\n' }, true],
    [
      'a component in Python',
      { 'shop/defs/any.py': 'import dagster as dg\n\n@dg.component_instance\ndef any(context): ...\n' },
      true,
    ],
    ['a component of another location', { 'ml/defs.yaml': 'type: ml.AnyComponent\n', ...TWO_LOCATIONS }, false],
  ])('asks dg for the state of components only: a project with %s', async (_, files, asks) => {
    const [location] = await locationsOf({ ...PLAIN, ...files });

    expect(location?.prepare?.includes('dg utils refresh-defs-state') ?? false).toBe(asks);
  });

  it.each<[string, Files, Files, { code: number; output: string }]>([
    ['refreshes the state', DG, { dg: says('dg') }, { code: 0, output: 'dg utils refresh-defs-state\n' }],
    ['fails as dg fails', DG, { dg: says('dg', 3) }, { code: 3, output: 'dg utils refresh-defs-state\n' }],
    [
      'is left out where there is no dg',
      DG,
      {},
      {
        code: 0,
        output: expect.stringMatching(/^dg utils refresh-defs-state is not in this environment.*left out\n$/) as string,
      },
    ],
    [
      'makes the manifest of a component where dg is too old for states',
      { ...DG, ...COMPONENT },
      { dg: says('dg', 2), 'dagster-dbt': says('dagster-dbt') },
      {
        code: 0,
        output: 'dg utils refresh-defs-state\ndagster-dbt project prepare-and-package --components .\n',
      },
    ],
  ])('%s', async (_, files, programs, wanted) => {
    expect(await prepare(files, programs)).toEqual(wanted);
  });
});
