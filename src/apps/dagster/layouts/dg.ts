import { posix } from 'node:path';
import type { TomlTable } from 'smol-toml';
import { kindInTree, resolveInTree } from '../../tree-files.ts';
import { projectName, readToml, tableAt, textAt } from '../project-files.ts';
import { type Declared, type Folder, type Found, layoutFault, pathFrom } from './layout.ts';

interface DgSettings {
  readonly dg: TomlTable;
  readonly pyproject: TomlTable | undefined;
  readonly source: string;
}

/** Keys of a project that say how Dagster+ runs it. */
const NO_MEANING = ['image', 'agent_queue'] as const;

/**
 * A project or a workspace of dg's, read as dg reads it (dagster_dg_core/config.py, context.py). A workspace lists its projects one by
 * one: dg knows no patterns there.
 * @throws ProblemError 422 where dg could not use it either
 */
export async function findDg(folder: Folder): Promise<Found | undefined> {
  const settings = await readSettings(folder);
  if (settings === undefined) return undefined;
  const type = textAt(settings.dg, 'directory_type');
  if (type === 'workspace') return await findWorkspace(folder, settings);
  if (type !== 'project' && tableAt(settings.dg, 'project') === undefined) return undefined;
  return {
    why: `${settings.source} declares a project`,
    locations: [await dgProject(folder, settings)],
    remarks: unused(settings),
  };
}

/** Where there is a dg.toml, dg does not look at pyproject.toml for its settings (dagster_shared/utils/config.py). */
async function readSettings({ tree, directory }: Folder): Promise<DgSettings | undefined> {
  const path = (name: string): string => resolveInTree(directory, name) as string;
  const pyproject = await readToml(tree, path('pyproject.toml'));
  const own = await readToml(tree, path('dg.toml'));
  if (own) return { dg: own, pyproject, source: path('dg.toml') };
  const dg = tableAt(pyproject, 'tool', 'dg');
  return dg && { dg, pyproject, source: `[tool.dg] in ${path('pyproject.toml')}` };
}

async function findWorkspace({ tree, directory }: Folder, { dg, source }: DgSettings): Promise<Found> {
  const listed = tableAt(dg, 'workspace')?.projects;
  if (!Array.isArray(listed) || listed.length === 0) {
    throw layoutFault(
      source,
      'the workspace lists no projects. Add one:\n[[workspace.projects]]\npath = "projects/my-project"',
    );
  }
  const locations: Declared[] = [];
  const remarks: string[] = [];
  for (const [index, one] of listed.entries()) {
    const key = `workspace.projects[${index}].path`;
    const path = typeof one === 'object' ? textAt(one as TomlTable, 'path') : undefined;
    if (path === undefined) throw layoutFault(source, `${key} is missing: the folder of the project.`);
    const project = { tree, directory: pathFrom(directory, path, { source, key }) };
    if ((await kindInTree(tree, project.directory)) !== 'folder') {
      const hint = /[*?[]/.test(path) ? ' dg knows no patterns: list each project.' : '';
      throw layoutFault(source, `${key}: there is no folder "${project.directory}" in what was uploaded.${hint}`);
    }
    const settings = await readSettings(project);
    if (settings === undefined || tableAt(settings.dg, 'project') === undefined) {
      throw layoutFault(
        source,
        `${key}: "${project.directory}" is not a project of dg's. Give it a dg.toml:\ndirectory_type = "project"\n[project]\nroot_module = "my_project"`,
      );
    }
    locations.push(await dgProject(project, settings));
    remarks.push(...unused(settings));
  }
  return {
    why: `${source} declares a workspace of ${locations.length === 1 ? 'one project' : `${locations.length} projects`}`,
    locations,
    remarks,
  };
}

async function dgProject({ tree, directory }: Folder, { dg, pyproject, source }: DgSettings): Promise<Declared> {
  const project = tableAt(dg, 'project') ?? {};
  const root = textAt(project, 'root_module');
  const target = textAt(project, 'code_location_target_module');
  if (root === undefined && target === undefined) {
    throw layoutFault(
      source,
      "project.root_module is missing. dg needs it too: the name of the project's Python package.",
    );
  }
  const name = textAt(project, 'code_location_name') ?? projectName(pyproject, directory) ?? (root as string);
  const load: Declared['load'] =
    project.autoload_defs === true
      ? { kind: 'autoload', name: textAt(project, 'defs_module') ?? `${root}.defs` }
      : { kind: 'module', name: target ?? `${root}.definitions` };
  const src = await sourceFolder({ tree, directory }, (root ?? (target as string)).split('.')[0] as string);
  return { name, directory, load, optional: false, ...(src ? { importsFrom: src } : {}) };
}

/** dg imports from `src` where the package lies there, also where it is not installed. */
async function sourceFolder({ tree, directory }: Folder, root: string): Promise<string | undefined> {
  const src = posix.join(directory, 'src');
  const there = await Promise.all([root, `${root}.py`].map((name) => kindInTree(tree, posix.join(src, name))));
  return there.some((kind) => kind === 'folder' || kind === 'file') ? src : undefined;
}

function unused({ dg, source }: DgSettings): string[] {
  const project = tableAt(dg, 'project');
  const keys = NO_MEANING.filter((key) => project?.[key] !== undefined).map((key) => `project.${key}`);
  return keys.length === 0 ? [] : [`${source}: left out, as it has no meaning here: ${keys.join(', ')}`];
}
