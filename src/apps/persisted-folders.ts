import { lstat } from 'node:fs/promises';
import { join, posix, resolve } from 'node:path';
import type { AppSpec, CommonSpec } from '../deployment/app-spec.ts';
import type { LaunchPlan, Place } from '../deployment/launch.ts';
import { ProblemError } from '../errors.ts';
import { isWithin, overlap } from './app-file/path-list.ts';
import { APP_FILE } from './app-file/schema.ts';
import { kindInTree } from './tree-files.ts';
import { namesInTree } from './tree-names.ts';

/** Code that lies in them is not the project's. */
const NO_CODE = /^(node_modules|__pycache__|\..*)$/;

/**
 * Checks the folders of `persist` against the tree and what else is made of it.
 * @throws ProblemError 422 that says what to change
 */
export async function checkPersisted(tree: string, spec: AppSpec): Promise<void> {
  const { outputs, code } = otherUses(spec);
  for (const path of spec.persist ?? []) {
    const refuse = (why: string): ProblemError =>
      new ProblemError('app-file', 422, `${APP_FILE}: persist: "${path}" ${why}`);
    const program = code.find((one) => one === path || isWithin(one, path));
    if (program !== undefined) {
      throw refuse(`holds the code in "${program}", which is each push's own. Name a folder that holds data only.`);
    }
    const output = outputs.find((one) => overlap(one, path));
    if (output !== undefined) {
      throw refuse(
        `and what setup makes ("${output}") are in each other's way: that is kept by itself. Remove it from persist.`,
      );
    }
    const found = await firstThatIsNoFolder(tree, path);
    if (found) {
      throw refuse(
        `needs "${found.path}" to be a folder: it is a ${found.kind}. Name a folder, or one that is not there.`,
      );
    }
    const python = spec.preset === 'dagster' ? await pythonBelow(tree, path) : undefined;
    if (python !== undefined) {
      throw refuse(`holds the code in "${python}", which is each push's own. Name a folder that holds data only.`);
    }
  }
}

/** What setup makes for each revision anew; and folders that code is run in: persisted, they would show the first revision's for ever. */
function otherUses(spec: AppSpec): { outputs: readonly string[]; code: readonly string[] } {
  if (spec.preset === 'command') return { outputs: spec.setup === undefined ? [] : spec.setupOutputs, code: [] };
  return {
    outputs: spec.locations.map(({ directory }) => posix.join(directory, '.venv')),
    code: spec.locations.flatMap(({ directory, startIn = directory, importsFrom = directory }) => [
      directory,
      startIn,
      importsFrom,
    ]),
  };
}

/** A file of Python: persisted, it would be the first revision's for ever. */
async function pythonBelow(tree: string, folder: string): Promise<string | undefined> {
  if ((await kindInTree(tree, folder)) !== 'folder') return undefined;
  const { files } = await namesInTree(tree, { skipped: NO_CODE, from: folder });
  return files.find((path) => path.endsWith('.py'));
}

async function firstThatIsNoFolder(
  tree: string,
  path: string,
): Promise<{ path: string; kind: 'link' | 'file' } | undefined> {
  let part = '';
  for (const name of path.split('/')) {
    part = posix.join(part, name);
    const entry = await lstat(resolve(tree, part)).catch(() => undefined);
    if (!entry) return undefined;
    if (!entry.isDirectory()) return { path: part, kind: entry.isSymbolicLink() ? 'link' : 'file' };
  }
  return undefined;
}

/** Where the folders of `persist` lie between two revisions: side by side, so that none is ever within another one. */
export function persistedFolders(spec: CommonSpec, place: Place): NonNullable<LaunchPlan['persist']> {
  return (spec.persist ?? []).map((path) => ({
    path: resolve(place.tree, path),
    kept: join(place.data, 'persist', encodeURIComponent(posix.relative(spec.directory, path))),
  }));
}
