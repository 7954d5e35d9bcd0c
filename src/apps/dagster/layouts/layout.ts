import type { DagsterLocation } from '../../../deployment/app-spec.ts';
import { ProblemError } from '../../../errors.ts';
import { readInTree, resolveInTree } from '../../tree-files.ts';
import { parseYaml } from '../../yaml-source.ts';

/** A folder that is looked at: `directory` is relative to the root of the tree. */
export interface Folder {
  readonly tree: string;
  readonly directory: string;
}

/** A code location as somebody declared it, before defaults. */
export interface Declared {
  readonly name: string;
  /** Folder of its environment, setup and prepare. */
  readonly directory: string;
  /** A file's path is relative to `directory`. */
  readonly load: DagsterLocation['load'];
  readonly optional: boolean;
  readonly attribute?: string | undefined;
  readonly startIn?: string | undefined;
  readonly importsFrom?: string | undefined;
  readonly python?: string | undefined;
  readonly setup?: string | undefined;
  readonly prepare?: string | undefined;
}

/** What one kind of file declares. */
export interface Found {
  /** For the job log: which file says so. */
  readonly why: string;
  readonly locations: readonly Declared[];
  /** For the job log: what the file says and has no meaning here. */
  readonly remarks: readonly string[];
}

/** A fault of a file that declares locations; the message says what to change. */
export function layoutFault(source: string, message: string): ProblemError {
  return new ProblemError('layout', 422, `${source}: ${message}`);
}

/**
 * A path that a file names, from the root of the tree.
 * @throws ProblemError 422 where it leaves the tree
 */
export function pathFrom(folder: string, path: string, said: { source: string; key: string }): string {
  const found = resolveInTree(folder, path);
  if (found === undefined) {
    throw layoutFault(
      said.source,
      `${said.key}: "${path}" leaves the uploaded folder. Set the component's input "context" so that it is uploaded too, or correct the path.`,
    );
  }
  return found;
}

/**
 * A YAML file of the tree that holds a mapping; undefined where there is no such file.
 * @throws ProblemError 422 where it is something else
 */
export async function readMapping(tree: string, path: string): Promise<Record<string, unknown> | undefined> {
  const text = await readInTree(tree, path);
  if (text === undefined) return undefined;
  const source = parseYaml(text);
  if (!('value' in source)) {
    throw layoutFault(path, `${source.line === undefined ? '' : `line ${source.line}: `}${source.message}`);
  }
  return mapping(source.value) ?? {};
}

/** A value as a mapping; undefined where it is something else. */
export function mapping(value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}

/**
 * The text at a key; undefined where there is none.
 * @throws ProblemError 422 where it is no text: Dagster would read `{env: NAME}` from its environment, which is not the same here
 */
export function wordAt(
  table: Readonly<Record<string, unknown>>,
  key: string,
  said: { source: string; at: string },
): string | undefined {
  const value = table[key];
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value === 'string') return value;
  throw layoutFault(said.source, `${said.at}.${key} is not a text. Write the value itself.`);
}
