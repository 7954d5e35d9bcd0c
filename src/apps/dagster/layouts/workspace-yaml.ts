import { posix } from 'node:path';
import { ProblemError } from '../../../errors.ts';
import { APP_FILE } from '../../app-file/schema.ts';
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

/** The kinds of entries that load code, and the key that each has where it is not written as a text alone. */
const TARGETS = {
  python_file: 'relative_path',
  python_module: 'module_name',
  python_package: 'package_name',
  autoload_defs_module: 'module_name',
} as const;
type Target = keyof typeof TARGETS;

const LOADS = { python_module: 'module', python_package: 'package', autoload_defs_module: 'autoload' } as const;
const SMALLEST = 'load_from:\n  - python_module: my_project.definitions';

/**
 * `workspace.yaml`, as Dagster reads it (dagster/_core/workspace/load.py, config_schema.py). Its code servers start in the folder of the file, as
 * Dagster starts them; a location's environment is that of its `working_directory`.
 * @throws ProblemError 422 for an entry that names a server of somebody else's, or that Dagster could not use either
 */
export async function findWorkspaceYaml({ tree, directory }: Folder): Promise<Found | undefined> {
  const source = resolveInTree(directory, 'workspace.yaml') as string;
  const file = await readMapping(tree, source);
  if (file === undefined) return undefined;
  const listed = file.load_from;
  if (!Array.isArray(listed) || listed.length === 0) {
    throw layoutFault(source, `load_from lists nothing. The smallest that would work:\n${SMALLEST}`);
  }
  const unused = new Set<string>();
  const locations = listed.map((entry: unknown, index) => readEntry(entry, { source, index, directory, unused }));
  return {
    why: `${source} lists ${locations.length === 1 ? 'one location' : `${locations.length} locations`}`,
    locations,
    remarks: [...unused].map((key) => `${source}: left out, as each location gets an environment of its own: ${key}`),
  };
}

function readEntry(
  entry: unknown,
  options: { source: string; index: number; directory: string; unused: Set<string> },
): Declared {
  const { source, directory, unused } = options;
  const at = `load_from[${options.index}]`;
  const [kind, ...others] = Object.keys(mapping(entry) ?? {});
  if (kind === 'grpc_server') throw foreignServer(source);
  if (kind === undefined || others.length > 0 || !(kind in TARGETS)) {
    throw layoutFault(source, `${at} needs exactly one of ${Object.keys(TARGETS).join(', ')}.`);
  }
  const target = kind as Target;
  const said = { source, at: `${at}.${target}` };
  const value = (mapping(entry) as Record<string, unknown>)[target];
  const table = typeof value === 'string' ? { [TARGETS[target]]: value } : (mapping(value) ?? {});
  const name = wordAt(table, TARGETS[target], said);
  if (name === undefined) throw layoutFault(source, `${said.at}.${TARGETS[target]} is missing.`);
  const folder = pathFrom(directory, wordAt(table, 'working_directory', said) ?? '.', {
    source,
    key: `${said.at}.working_directory`,
  });
  if (table.executable_path) unused.add('executable_path');
  // Dagster gives none to what it finds by itself.
  const attribute = target === 'autoload_defs_module' ? undefined : wordAt(table, 'attribute', said);
  const own = target === 'python_file' ? posix.basename(name) : name;
  return {
    name: wordAt(table, 'location_name', said) ?? (attribute === undefined ? own : `${own}:${attribute}`),
    directory: folder,
    load: loadOf(target, name, { ...said, directory, folder }),
    optional: false,
    ...(attribute === undefined ? {} : { attribute }),
    ...(folder === directory ? {} : { startIn: directory }),
  };
}

function loadOf(
  target: Target,
  name: string,
  options: { source: string; at: string; directory: string; folder: string },
): Declared['load'] {
  if (target !== 'python_file') return { kind: LOADS[target], name };
  const { source, at, directory, folder } = options;
  const path = pathFrom(directory, name, { source, key: `${at}.relative_path` });
  return { kind: 'file', path: posix.relative(folder, path) };
}

function foreignServer(source: string): ProblemError {
  return new ProblemError(
    'grpc-server',
    422,
    `${source} has a grpc_server entry: a preview would show that server's code, not the branch's. Name the branch's own code in ${APP_FILE}:\nlocations:\n  - { name: "main", module: my_project.definitions }`,
  );
}
