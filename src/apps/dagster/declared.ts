import { posix } from 'node:path';
import type { TomlTable } from 'smol-toml';
import type { DagsterLocation } from '../../deployment/app-spec.ts';
import { ProblemError } from '../../errors.ts';
import { APP_FILE } from '../app-file.ts';
import { kindInTree, readInTree, resolveInTree } from '../tree-files.ts';
import { readToml, tableAt, textAt } from './project-files.ts';

/** A code location as somebody declared it, before defaults. */
export interface Declared {
  readonly name: string;
  readonly directory: string;
  readonly load: DagsterLocation['load'];
  readonly optional: boolean;
  readonly attribute?: string | undefined;
  readonly python?: string | undefined;
  readonly setup?: string | undefined;
  readonly prepare?: string | undefined;
}

export interface Found {
  /** For the job log: which file says so. */
  readonly why: string;
  readonly locations: readonly Declared[];
}

/**
 * The code locations that a folder declares, in the order of README "The app file"; undefined where it declares none.
 * @throws ProblemError 422 for a layout that is known and cannot be run yet, with the `locations:` that would work
 */
export async function findDeclared(tree: string, directory: string): Promise<Found | undefined> {
  const path = (name: string): string => resolveInTree(directory, name) as string;
  const pyproject = await readToml(tree, path('pyproject.toml'));
  const dgToml = await readToml(tree, path('dg.toml'));
  // Where there is a dg.toml, dg does not look at pyproject.toml for its settings (dagster_shared/utils/config.py).
  const dg = dgToml ?? tableAt(pyproject, 'tool', 'dg');
  const source = dgToml ? path('dg.toml') : `[tool.dg] in ${path('pyproject.toml')}`;
  if (textAt(dg, 'directory_type') === 'workspace')
    throw await refuseWorkspace(tree, directory, { dg: dg as TomlTable, source });
  const project = tableAt(dg, 'project');
  if (project)
    return { why: `${source} declares a project`, locations: [dgProject(project, { pyproject, directory, source })] };

  for (const name of ['dagster_cloud.yaml', 'workspace.yaml']) {
    if ((await kindInTree(tree, path(name))) === 'file') throw await refuseFile(tree, path(name));
  }

  const dagster = tableAt(pyproject, 'tool', 'dagster');
  const module = textAt(dagster, 'module_name');
  if (dagster && module === undefined && Array.isArray(dagster.modules)) {
    throw notYet(`[tool.dagster] in ${path('pyproject.toml')} with several modules`, modulesOf(dagster.modules));
  }
  if (module === undefined) return undefined;
  const name = textAt(dagster, 'code_location_name') ?? projectName(pyproject, directory) ?? module;
  return {
    why: `[tool.dagster] in ${path('pyproject.toml')} names the module ${module}`,
    locations: [{ name, directory, load: { kind: 'module', name: module }, optional: false }],
  };
}

/** As dg reads it: dagster_dg_core/context.py (`code_location_name`, `code_location_target_module_name`). */
function dgProject(
  project: TomlTable,
  options: { pyproject: TomlTable | undefined; directory: string; source: string },
): Declared {
  const root = textAt(project, 'root_module');
  const target = textAt(project, 'code_location_target_module');
  if (root === undefined && target === undefined) {
    throw new ProblemError(
      'dg-config',
      422,
      `${options.source}: project.root_module is missing. dg needs it too: the name of the project's Python package.`,
    );
  }
  const { directory } = options;
  const name = textAt(project, 'code_location_name') ?? projectName(options.pyproject, directory) ?? (root as string);
  if (project.autoload_defs === true) {
    return {
      name,
      directory,
      load: { kind: 'autoload', name: textAt(project, 'defs_module') ?? `${root}.defs` },
      optional: false,
    };
  }
  return { name, directory, load: { kind: 'module', name: target ?? `${root}.definitions` }, optional: false };
}

/** dg's name of a project is that of its folder. The root of a tree has none that means anything: there it is the package's. */
function projectName(pyproject: TomlTable | undefined, directory: string): string | undefined {
  if (directory !== '.') return posix.basename(directory);
  return textAt(tableAt(pyproject, 'project'), 'name') ?? textAt(tableAt(pyproject, 'tool', 'poetry'), 'name');
}

async function refuseWorkspace(
  tree: string,
  directory: string,
  options: { dg: TomlTable; source: string },
): Promise<ProblemError> {
  const listed = tableAt(options.dg, 'workspace')?.projects;
  const projects: Suggestion[] = [];
  for (const one of Array.isArray(listed) ? listed : []) {
    const path = typeof one === 'object' ? textAt(one as TomlTable, 'path') : undefined;
    const folder = path === undefined ? undefined : resolveInTree(directory, path);
    if (path === undefined || folder === undefined) continue;
    const pyproject = await readToml(tree, posix.join(folder, 'pyproject.toml'));
    const dg = (await readToml(tree, posix.join(folder, 'dg.toml'))) ?? tableAt(pyproject, 'tool', 'dg');
    const project = tableAt(dg, 'project') ?? { root_module: posix.basename(folder) };
    const { name, load } = dgProject(project, { pyproject, directory: folder, source: path });
    projects.push({ name, directory: path, module: load.kind === 'file' ? load.path : load.name });
  }
  return notYet(`${options.source} (a dg workspace)`, projects);
}

async function refuseFile(tree: string, path: string): Promise<ProblemError> {
  const text = (await readInTree(tree, path)) ?? '';
  if (/^\s*-?\s*grpc_server\s*:/m.test(text)) {
    return new ProblemError(
      'grpc-server',
      422,
      `${path} has a grpc_server entry: a preview would show that server's code, not the branch's. Name the branch's own code in ${APP_FILE}:\n${locationsText([])}`,
    );
  }
  return notYet(path, []);
}

interface Suggestion {
  readonly name: string;
  readonly directory?: string;
  readonly module: string;
}

function modulesOf(modules: readonly unknown[]): Suggestion[] {
  return modules.flatMap((one) => {
    const name = typeof one === 'object' && one !== null ? textAt(one as TomlTable, 'name') : undefined;
    return name === undefined ? [] : [{ name, module: name }];
  });
}

function notYet(layout: string, suggestions: readonly Suggestion[]): ProblemError {
  return new ProblemError(
    'not-yet',
    422,
    `${layout} is recognised, but not run by this version yet. Until then name its code locations in ${APP_FILE}:\n${locationsText(suggestions)}`,
  );
}

function locationsText(suggestions: readonly Suggestion[]): string {
  const items =
    suggestions.length > 0 ? suggestions : [{ name: 'main', directory: '.', module: 'my_project.definitions' }];
  const lines = items.map((one) => {
    const directory =
      one.directory === undefined || one.directory === '.' ? '' : `directory: ${JSON.stringify(one.directory)}, `;
    return `  - { name: ${JSON.stringify(one.name)}, ${directory}module: ${one.module} }`;
  });
  return ['locations:', ...lines].join('\n');
}
