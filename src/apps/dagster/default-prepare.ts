import { posix } from 'node:path';
import { kindInTree, readInTree, resolveInTree } from '../tree-files.ts';
import { namesInTree } from '../tree-names.ts';
import { readToml, tableAt } from './project-files.ts';
import { quote } from './quote.ts';

/** How a location is prepared where nobody said how. */
export interface DefaultPrepare {
  /** For `sh`, in the location's folder and environment. */
  readonly command: string;
  readonly remark: string;
}

/** Files of a tree that tell what is to prepare; paths from its root. */
export interface DbtTraces {
  /** All that were looked through. */
  readonly files: readonly string[];
  /** Folders with a `dbt_project.yml`. */
  readonly projects: readonly string[];
  /** Python files that make a `DbtProject`, which is what `dagster-dbt project prepare-and-package` looks for. */
  readonly definitions: readonly string[];
  /** `defs.yaml` files with a `DbtProjectComponent`. */
  readonly components: readonly string[];
}

/** Not written by the project's people; dbt keeps other projects' code in the first two. */
const SKIPPED = /^(dbt_packages|dbt_modules|target|node_modules|__pycache__|site-packages|\..*)$/;
/** Where `dg` looks for instances of components, beside Python files (dagster/components/core/defs_module.py). */
const COMPONENT_FILE = /^(defs\.ya?ml|component\.yaml)$/;
/** How Python makes one (dagster/components/component/component_loader.py). */
const COMPONENT_IN_PYTHON = /^@(?:\w+\.)*component(?:_instance)?\b/m;
/** At the top level of a module: what stands within a function is not found by dagster-dbt either. */
const DBT_PROJECT = /^[A-Za-z_]\w*(?:\s*:[^=\n]+)?\s*=\s*(?:[\w.]+\.)?DbtProject\(/m;

/** Looks through a tree for dbt. Without a `dbt_project.yml` no other file is read. What is too deep in a large tree, an app file's `prepare` says. */
export async function findDbt(tree: string): Promise<DbtTraces> {
  const { files } = await namesInTree(tree, { skipped: SKIPPED });
  const projects = files
    .filter((file) => posix.basename(file) === 'dbt_project.yml')
    .map((file) => posix.dirname(file))
    .sort();
  if (projects.length === 0) return { files, projects, definitions: [], components: [] };
  return {
    files,
    projects,
    definitions: (await saying(tree, files.filter(isPython), { wanted: DBT_PROJECT })).sort(),
    components: (await saying(tree, files.filter(isComponentFile), { wanted: /\bDbtProjectComponent\b/ })).sort(),
  };
}

/** Those of the files whose text says something. */
async function saying(tree: string, paths: readonly string[], options: { wanted: RegExp }): Promise<string[]> {
  const found: string[] = [];
  for (const path of paths) {
    // What is too large to be read was not written by hand.
    const text = await readInTree(tree, path).catch(() => undefined);
    if (text !== undefined && options.wanted.test(text)) found.push(path);
  }
  return found;
}

const isPython = (path: string): boolean => path.endsWith('.py');
const isComponentFile = (path: string): boolean => COMPONENT_FILE.test(posix.basename(path));

/**
 * The default of README "The app": `dagster-dbt project prepare-and-package` for each file of the location that makes a `DbtProject`,
 * then `dg utils refresh-defs-state` where the folder is a project of dg's, has instances of components, and the environment has dg. In this
 * order, because dg loads the definitions, and those of a `DbtProject` need its manifest. Only components have a state, and dg takes 4 s
 * to find out that there is none.
 * @param options.others folders of all locations: what lies in another's folder is that one's
 * @returns undefined where there is nothing to prepare
 */
export async function defaultPrepare(
  tree: string,
  directory: string,
  options: { readonly dbt: DbtTraces; readonly others: readonly string[] },
): Promise<DefaultPrepare | undefined> {
  const { dbt, others } = options;
  const inner = others.filter((other) => other !== directory && isWithin(other, directory));
  const own = (path: string): boolean => isWithin(path, directory) && !inner.some((other) => isWithin(path, other));
  const files = dbt.definitions.filter(own).map((path) => posix.relative(directory, path));
  const dg = (await isDgProject(tree, directory)) && (await hasComponents(tree, dbt.files.filter(own)));
  if (files.length === 0 && !dg) return undefined;
  const said: string[] = [];
  const script: string[] = [];
  for (const file of files) {
    said.push(`dagster-dbt project prepare-and-package --file ${file}`);
    script.push(`dagster-dbt project prepare-and-package --file ${quote(file)} || exit`);
  }
  if (dg) {
    said.push('dg utils refresh-defs-state, where dg is there');
    script.push(dgScript(dbt.components.some(own)));
  }
  const remark = said.join('; ');
  // The first line is what the log shows. Code servers find modules of the location's folder, installed or not: so do these.
  const command = [`# ${remark}`, `export PYTHONPATH="$PWD\${PYTHONPATH:+:$PYTHONPATH}"`, ...script].join('\n');
  return { command, remark };
}

/**
 * dg before 1.12 has no such command (2 is click's exit code for that), and dbt's components had no state of their own: there the manifest
 * is made by dagster-dbt.
 */
function dgScript(hasDbtComponent: boolean): string {
  const otherwise = hasDbtComponent
    ? 'dagster-dbt project prepare-and-package --components .'
    : "echo 'dg utils refresh-defs-state is not in this environment (package dagster-dg-cli): left out'";
  return [
    'if [ -x "$VIRTUAL_ENV/bin/dg" ]; then',
    '  dg utils refresh-defs-state && exit',
    '  code=$?',
    '  [ "$code" = 2 ] || exit "$code"',
    'fi',
    otherwise,
  ].join('\n');
}

async function isDgProject(tree: string, directory: string): Promise<boolean> {
  const path = (name: string): string => resolveInTree(directory, name) as string;
  if ((await kindInTree(tree, path('dg.toml'))) === 'file') return true;
  return tableAt(await readToml(tree, path('pyproject.toml')), 'tool', 'dg') !== undefined;
}

async function hasComponents(tree: string, files: readonly string[]): Promise<boolean> {
  if (files.some(isComponentFile)) return true;
  return (await saying(tree, files.filter(isPython), { wanted: COMPONENT_IN_PYTHON })).length > 0;
}

function isWithin(path: string, folder: string): boolean {
  return folder === '.' || path === folder || path.startsWith(`${folder}/`);
}
