import { posix } from 'node:path';
import { parse, type TomlTable, type TomlValue } from 'smol-toml';
import { ProblemError } from '../../errors.ts';
import { kindInTree, readInTree, resolveInTree } from '../tree-files.ts';

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

/** Path of the uv.lock that belongs to a folder: beside it, or of the uv workspace above it. */
export async function findUvLock(tree: string, directory: string): Promise<string | undefined> {
  const own = resolveInTree(directory, 'uv.lock') as string;
  if ((await kindInTree(tree, own)) === 'file') return own;
  for (let folder = directory; folder !== '.'; ) {
    folder = posix.dirname(folder);
    const lock = resolveInTree(folder, 'uv.lock') as string;
    const project = await readToml(tree, resolveInTree(folder, 'pyproject.toml') as string);
    if (tableAt(project, 'tool', 'uv', 'workspace') && (await kindInTree(tree, lock)) === 'file') return lock;
  }
  return undefined;
}

/** Version of a package in a uv.lock; undefined where it is not there or the file is not readable. */
export async function lockedVersion(
  tree: string,
  lock: string,
  options: { name: string },
): Promise<string | undefined> {
  const packages = (await readToml(tree, lock))?.package;
  if (!Array.isArray(packages)) return undefined;
  const found = packages.find((one) => isTable(one) && one.name === options.name);
  return isTable(found) ? textAt(found, 'version') : undefined;
}
