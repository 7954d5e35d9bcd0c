import { posix } from 'node:path';
import { resolveInTree } from '../../tree-files.ts';
import {
  type Declared,
  type Folder,
  type Found,
  layoutFault,
  mapping,
  pathFrom,
  readMapping,
  wordAt,
} from './layout.ts';

const FILE = 'dagster_cloud.yaml';
/** Keys of a location that have a meaning here. */
const KNOWN = ['location_name', 'code_source', 'attribute', 'working_directory', 'build'];
const SOURCES = {
  module_name: 'module',
  package_name: 'package',
  python_file: 'file',
  autoload_defs_module_name: 'autoload',
} as const;

const SMALLEST = 'locations:\n  - location_name: main\n    code_source:\n      module_name: my_project.definitions';

/**
 * The file of Dagster+, as its command line reads it (dagster_cloud_cli/config/models.py): `defaults` lie below each location,
 * `build.directory` is what an image would hold, and so the folder of its environment and the one that its code server starts in.
 * @throws ProblemError 422 where a location cannot be found by what it says
 */
export async function findDagsterCloudYaml({ tree, directory }: Folder): Promise<Found | undefined> {
  const source = resolveInTree(directory, FILE) as string;
  const file = await readMapping(tree, source);
  if (file === undefined) return undefined;
  const listed = file.locations;
  if (!Array.isArray(listed) || listed.length === 0) {
    throw layoutFault(source, `it lists no locations. The smallest that would work:\n${SMALLEST}`);
  }
  const unused = new Set(Object.keys(file).filter((key) => key !== 'locations' && key !== 'defaults'));
  const defaults = mapping(file.defaults) ?? {};
  const locations = listed.map((one: unknown, index): Declared => {
    const at = `locations[${index}]`;
    const own = mapping(one);
    if (own === undefined) throw layoutFault(source, `${at} is not a location. One looks like this:\n${SMALLEST}`);
    const build = { ...mapping(defaults.build), ...mapping(own.build) };
    for (const key of Object.keys(build)) if (key !== 'directory') unused.add(`build.${key}`);
    const location: Record<string, unknown> = { ...defaults, ...own, build };
    for (const key of Object.keys(location)) if (!KNOWN.includes(key)) unused.add(key);
    return readLocation(location, { source, at, directory, unused });
  });
  return {
    why: `${source} lists ${locations.length === 1 ? 'one location' : `${locations.length} locations`}`,
    locations,
    remarks:
      unused.size === 0 ? [] : [`${source}: left out, as it has no meaning here: ${[...unused].sort().join(', ')}`],
  };
}

function readLocation(
  location: Record<string, unknown>,
  said: { source: string; at: string; directory: string; unused: Set<string> },
): Declared {
  const { source, at, unused } = said;
  const name = wordAt(location, 'location_name', said);
  if (name === undefined) throw layoutFault(source, `${at}.location_name is missing.`);
  const code = mapping(location.code_source) ?? {};
  const kinds = (Object.keys(SOURCES) as Array<keyof typeof SOURCES>).filter((key) => code[key]);
  const [kind] = kinds;
  if (kind === undefined || kinds.length > 1) {
    const wrong = kind === undefined ? 'is missing' : `has ${kinds.join(' and ')}`;
    throw layoutFault(
      source,
      `${at}.code_source of ${name} ${wrong}: it needs exactly one of ${Object.keys(SOURCES).join(', ')}.`,
    );
  }
  const value = wordAt(code, kind, { source, at: `${at}.code_source` }) as string;
  const build = wordAt(mapping(location.build) ?? {}, 'directory', { source, at: `${at}.build` }) ?? '.';
  const directory = pathFrom(said.directory, build, { source, key: `${at}.build.directory` });
  if (kind === 'python_file') pathFrom(directory, value, { source, key: `${at}.code_source.python_file` });
  let importsFrom: string | undefined;
  const working = wordAt(location, 'working_directory', said);
  // An absolute path is one of an image's.
  if (working !== undefined && posix.isAbsolute(working)) unused.add(`working_directory ${working}`);
  else if (working !== undefined)
    importsFrom = pathFrom(directory, working, { source, key: `${at}.working_directory` });
  const attribute = wordAt(location, 'attribute', said);
  return {
    name,
    directory,
    load: kind === 'python_file' ? { kind: 'file', path: value } : { kind: SOURCES[kind], name: value },
    optional: false,
    ...(attribute === undefined ? {} : { attribute }),
    ...(importsFrom === undefined || importsFrom === directory ? {} : { importsFrom }),
  };
}
