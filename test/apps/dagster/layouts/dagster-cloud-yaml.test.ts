import { describe, expect, it } from 'vitest';
import { locationsOf, recogniseFiles, SETUP } from '../../recognise-files.ts';

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
