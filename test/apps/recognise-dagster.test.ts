import { describe, expect, it } from 'vitest';
import type { Files } from './app-world.ts';
import { LOCK, PROJECT, recogniseFiles, TOOL_DG } from './recognise-files.ts';

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
      daemon: 'runs',
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
        'the daemon runs backfills and the run queue; schedules and sensors do not tick (daemon: all)',
        'location shop-etl: module shop.definitions in the root, environment by uv sync --locked (uv.lock)',
      ],
    });
  });

  it('is compared as the app file says', async () => {
    const project = { 'pyproject.toml': PROJECT + TOOL_DG, 'requirements.txt': '' };
    const changes = (keys: string) =>
      recogniseFiles({ ...project, '.branch-deployment.yml': `changes: { ${keys} }\n` });

    expect(
      await changes(
        'compare_with: environment:production, ignore_metadata: [a/b], rename_locations: { old: new }, base_artifacts: [target/x]',
      ),
    ).toMatchObject({
      changes: {
        compareWith: 'environment:production',
        ignoreMetadata: ['a/b'],
        renameLocations: { old: 'new' },
        baseArtifacts: ['target/x'],
      },
    });
    await expect(changes('base_artifacts: [x/y, x]')).rejects.toThrow('"x" lies within "x/y", or the other way round');
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
