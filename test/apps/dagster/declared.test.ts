import { describe, expect, it } from 'vitest';
import type { Files } from '../app-world.ts';
import { DG_PROJECT, locationsOf, SETUP } from '../recognise-files.ts';

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
