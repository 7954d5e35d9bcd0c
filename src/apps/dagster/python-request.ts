import { posix } from 'node:path';
import { validRange } from '@renovatebot/pep440';
import { kindInTree, readInTree, resolveInTree } from '../tree-files.ts';
import type { Dependencies } from './dependencies.ts';
import { tableAt, textAt } from './project-files.ts';

/** Which Python a location wants, as uv understands it, and what says so. */
export interface PythonRequest {
  readonly request: string;
  readonly from: string;
}

/** A version, a name with one, or a list of conditions: never a path or an option. */
const PLAIN = /^[A-Za-z0-9<>=!~^][\w.@+<>=!~*^, -]{0,199}$/;

/**
 * Which Python a location wants: what the app file says, else the nearest `.python-version`, as uv finds it, else what its package or lock
 * file requires. Undefined where nothing does, or not in a way that can be read.
 */
export async function pythonRequest(
  tree: string,
  directory: string,
  options: { readonly given: string | undefined; readonly dependencies: Dependencies },
): Promise<PythonRequest | undefined> {
  const { given, dependencies } = options;
  if (given !== undefined) return { request: given, from: '.branch-deployment.yml' };
  const pinned = await pinnedPython(tree, directory);
  if (pinned) return PLAIN.test(pinned.request) ? pinned : undefined;
  const required = await requiredPython(tree, dependencies);
  return required && validRange(required.request) ? required : undefined;
}

async function pinnedPython(tree: string, directory: string): Promise<PythonRequest | undefined> {
  for (let folder = directory; ; folder = posix.dirname(folder)) {
    const from = resolveInTree(folder, '.python-version') as string;
    if ((await kindInTree(tree, from)) === 'file') {
      const lines = ((await readInTree(tree, from)) ?? '').split('\n').map((line) => line.replace(/#.*/, '').trim());
      const request = lines.find((line) => line !== '');
      return request === undefined ? undefined : { request, from };
    }
    if (folder === '.') return undefined;
  }
}

async function requiredPython(tree: string, dependencies: Dependencies): Promise<PythonRequest | undefined> {
  const { kind, folder, file, lock, project } = dependencies;
  const locked = kind === 'uv' ? textAt(lock, 'requires-python') : undefined;
  if (locked !== undefined) return { request: locked, from: `requires-python in ${file}` };
  const own = textAt(tableAt(project, 'project'), 'requires-python');
  const pyproject = resolveInTree(folder, 'pyproject.toml') as string;
  if (own !== undefined) return { request: own, from: `requires-python in ${pyproject}` };
  const poetry = textAt(tableAt(project, 'tool', 'poetry', 'dependencies'), 'python');
  if (poetry !== undefined) return { request: fromPoetry(poetry), from: `python in ${pyproject}` };
  const cfg = resolveInTree(folder, 'setup.cfg') as string;
  const request = /^\s*python_requires\s*=\s*(.+?)\s*$/m.exec((await readInTree(tree, cfg)) ?? '')?.[1];
  return request === undefined ? undefined : { request, from: `python_requires in ${cfg}` };
}

/** Poetry's own `^3.10` and `~3.10` in the words of PEP 440 (https://python-poetry.org/docs/dependency-specification/). */
function fromPoetry(constraint: string): string {
  return constraint
    .split(',')
    .map((part) => {
      const [, sign, major, rest] = /^\s*([\^~])\s*(\d+)((?:\.\d+)*)\s*$/.exec(part) ?? [];
      if (sign === undefined) return part.trim();
      const minor = rest?.split('.')[1];
      const next =
        sign === '^' || minor === undefined ? `${Number(major) + 1}` : `${major}.${Number.parseInt(minor, 10) + 1}`;
      return `>=${major}${rest},<${next}`;
    })
    .join(',');
}

/** Whether it asks for nothing but a version of CPython, as uv and PEP 440 write them: no path, no name of a program. */
export function isVersionRequest(request: string): boolean {
  return /^\d+(\.\d+){0,2}$/.test(request) || validRange(request);
}
