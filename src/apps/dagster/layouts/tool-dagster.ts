import type { TomlTable } from 'smol-toml';
import { resolveInTree } from '../../tree-files.ts';
import { projectName, readToml, tableAt, textAt } from '../project-files.ts';
import { type Folder, type Found, layoutFault } from './layout.ts';

/**
 * `[tool.dagster]` with `module_name` or `modules`, as Dagster reads it (dagster/_core/workspace/load_target.py). Several modules have the
 * names that Dagster gives them: their own.
 * @throws ProblemError 422 where Dagster could not use it either
 */
export async function findToolDagster({ tree, directory }: Folder): Promise<Found | undefined> {
  const path = resolveInTree(directory, 'pyproject.toml') as string;
  const pyproject = await readToml(tree, path);
  const dagster = tableAt(pyproject, 'tool', 'dagster');
  if (dagster === undefined) return undefined;
  const source = `[tool.dagster] in ${path}`;
  const one = textAt(dagster, 'module_name');
  const several = Array.isArray(dagster.modules) ? dagster.modules : [];
  if (one !== undefined && several.length > 0) {
    throw layoutFault(source, 'only one of module_name and modules can be there.');
  }
  const modules = one === undefined ? several.flatMap((entry, index) => moduleOf(entry, index, source)) : [one];
  if (modules.length === 0) return undefined;
  const given = textAt(dagster, 'code_location_name');
  const shared = given ?? (modules.length === 1 ? projectName(pyproject, directory) : undefined);
  return {
    why: `${source} names the ${modules.length === 1 ? 'module' : 'modules'} ${modules.join(', ')}`,
    locations: modules.map((name) => ({
      name: shared ?? name,
      directory,
      load: { kind: 'module' as const, name },
      optional: false,
    })),
    remarks: [],
  };
}

function moduleOf(entry: unknown, index: number, source: string): string[] {
  const table = typeof entry === 'object' && entry !== null ? (entry as TomlTable) : undefined;
  const [type, name] = [textAt(table, 'type'), textAt(table, 'name')];
  if (type === undefined || name === undefined) {
    throw layoutFault(
      source,
      `modules[${index}] is not of the form { type = "module", name = "my_project.definitions" }.`,
    );
  }
  // Dagster leaves out other types, too.
  return type === 'module' ? [name] : [];
}
