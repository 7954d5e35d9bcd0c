import { posix } from 'node:path';
import { parse, type TomlTable, type TomlValue } from 'smol-toml';
import { ProblemError } from '../../errors.ts';
import { readInTree } from '../tree-files.ts';

/**
 * A TOML file of the tree; undefined where there is none.
 * @throws ProblemError 422 where it is not TOML
 */
export async function readToml(tree: string, path: string): Promise<TomlTable | undefined> {
  const text = await readInTree(tree, path);
  if (text === undefined) return undefined;
  try {
    return parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message.split('\n')[0] : String(error);
    throw new ProblemError('not-toml', 422, `${path} is not TOML: ${reason}`);
  }
}

/** The table at a path of keys; undefined where there is none. */
export function tableAt(table: TomlTable | undefined, ...keys: readonly string[]): TomlTable | undefined {
  let current: TomlValue | undefined = table;
  for (const key of keys) current = isTable(current) ? current[key] : undefined;
  return isTable(current) ? current : undefined;
}

/** The text at a key; undefined where there is none, or it is empty or something else. */
export function textAt(table: TomlTable | undefined, key: string): string | undefined {
  const value = table?.[key];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function isTable(value: TomlValue | undefined): value is TomlTable {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

/** dg's name of a project is that of its folder. The root of a tree has none that means anything: there it is the package's. */
export function projectName(pyproject: TomlTable | undefined, directory: string): string | undefined {
  if (directory !== '.') return posix.basename(directory);
  return textAt(tableAt(pyproject, 'project'), 'name') ?? textAt(tableAt(pyproject, 'tool', 'poetry'), 'name');
}

/** Versions of the packages in a uv.lock or poetry.lock, by name; undefined where it holds no list of packages. */
export function lockedVersions(lock: TomlTable | undefined): ReadonlyMap<string, string> | undefined {
  if (!Array.isArray(lock?.package)) return undefined;
  return new Map(
    lock.package.flatMap((one) => {
      const [name, version] = isTable(one) ? [textAt(one, 'name'), textAt(one, 'version')] : [];
      return name === undefined ? [] : [[name, version ?? ''] as const];
    }),
  );
}
