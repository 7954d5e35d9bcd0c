import { posix } from 'node:path';
import type { TomlTable, TomlValue } from 'smol-toml';
import { kindInTree, readInTree, resolveInTree } from '../tree-files.ts';
import { namesInTree } from '../tree-names.ts';
import { onlyPointsIntoTree } from './editable-project.ts';
import { readToml, tableAt } from './project-files.ts';

/** No package lies in them, whatever a build backend takes for one. */
const SKIPPED = /^(node_modules|__pycache__|\..*)$/;
/** What is at most so deep below a project may be a module of its own: `shop.py`, `src/shop.py`. */
const MODULE_DEPTH = 2;
/** Beside pyproject.toml they are what setuptools runs and reads, and hatchling reads. */
const BUILD_FILES: ReadonlySet<string> = new Set(['setup.py', 'setup.cfg', 'hatch.toml']);
const MODULE = /\.(py|so|pyd)$/;
/** Variables and settings that make uv install copies, or tell build backends to (docs.astral.sh/uv/reference). */
const COPYING_VARIABLES = /^UV_(NO_EDITABLE|CONFIG_SETTING)/;
const COPYING_SETTINGS = /\bconfig-settings/;

/**
 * What decides, beside the packages of a uv.lock, what `uv sync` makes of the projects that lie in the tree.
 * @param options.variables names of all variables that it is run with
 * @returns paths and what is of importance there; undefined where the code itself may decide it too, so that it has to be installed anew
 */
export async function installInputs(
  tree: string,
  lock: string,
  options: { readonly variables: readonly string[] },
): Promise<ReadonlyArray<readonly [path: string, text: string]> | undefined> {
  if (options.variables.some((name) => COPYING_VARIABLES.test(name))) return undefined;
  const sources = await localSources(tree, lock);
  if (!sources) return undefined;
  const inputs: Array<readonly [string, string]> = [];
  for (const folder of new Set([posix.dirname(lock), ...sources.map((one) => one.folder)])) {
    for (const name of ['pyproject.toml', 'uv.toml']) {
      const path = resolveInTree(folder, name) as string;
      const text = (await readInTree(tree, path)) ?? '';
      if (COPYING_SETTINGS.test(text)) return undefined;
      inputs.push([path, text]);
    }
  }
  for (const { folder, editable } of sources) {
    if (!editable) continue;
    const pyproject = await readToml(tree, resolveInTree(folder, 'pyproject.toml') as string);
    if (!pyproject) return undefined;
    const packages = await packagesBelow(tree, folder);
    if (packages === undefined || !onlyPointsIntoTree(pyproject)) return undefined;
    inputs.push([folder, packages]);
  }
  return inputs;
}

/** The projects of a lock file; undefined where one of them is installed as a copy, or lies elsewhere. */
async function localSources(
  tree: string,
  lock: string,
): Promise<Array<{ folder: string; editable: boolean }> | undefined> {
  const packages = (await readToml(tree, lock))?.package;
  if (!Array.isArray(packages)) return undefined;
  const found: Array<{ folder: string; editable: boolean }> = [];
  for (const one of packages) {
    const source = sourceOf(one);
    if (source === undefined || source.directory !== undefined || source.path !== undefined) return undefined;
    const path = source.editable ?? source.virtual;
    if (path === undefined) continue;
    const folder = resolveInTree(posix.dirname(lock), String(path));
    if (folder === undefined || (await kindInTree(tree, folder)) !== 'folder') return undefined;
    found.push({ folder, editable: source.editable !== undefined });
  }
  return found.sort((a, b) => (a.folder < b.folder ? -1 : 1));
}

function sourceOf(entry: TomlValue): TomlTable | undefined {
  return tableAt({ entry }, 'entry', 'source');
}

/**
 * Which packages and modules there are, as text; a new module in a package changes nothing. Undefined where a program of the project's
 * builds it, or where there is too much to look through.
 */
async function packagesBelow(tree: string, folder: string): Promise<string | undefined> {
  const { files, links, isAll } = await namesInTree(tree, { skipped: SKIPPED, from: folder });
  if (!isAll) return undefined;
  const found = new Set<string>();
  const isLink = new Set(links);
  for (const path of [...files, ...links]) {
    const name = posix.relative(folder, path);
    if (BUILD_FILES.has(name)) return undefined;
    for (let above = posix.dirname(name); above !== '.'; above = posix.dirname(above)) found.add(`${above}/`);
    const isModule = MODULE.test(name) && name.split('/').length <= MODULE_DEPTH;
    if (isModule || posix.basename(name) === '__init__.py' || isLink.has(path)) found.add(name);
  }
  return JSON.stringify([...found].sort());
}
