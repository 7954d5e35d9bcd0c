import { posix } from 'node:path';
import { kindInTree, resolveInTree } from '../tree-files.ts';
import { readToml, tableAt } from './project-files.ts';

/**
 * Folder of the uv workspace above a project that has it as a member and a uv.lock; undefined where there is none. uv, too, takes the nearest
 * one above (https://docs.astral.sh/uv/concepts/projects/workspaces/).
 */
export async function uvWorkspaceOf(tree: string, directory: string): Promise<string | undefined> {
  for (let folder = directory; folder !== '.'; ) {
    folder = posix.dirname(folder);
    const project = await readToml(tree, resolveInTree(folder, 'pyproject.toml') as string);
    const workspace = tableAt(project, 'tool', 'uv', 'workspace');
    if (workspace === undefined) continue;
    const path = posix.relative(folder, directory);
    const member = matches(path, workspace.members) && !matches(path, workspace.exclude);
    const locked = (await kindInTree(tree, resolveInTree(folder, 'uv.lock') as string)) === 'file';
    return member && locked ? folder : undefined;
  }
  return undefined;
}

function matches(path: string, patterns: unknown): boolean {
  if (!Array.isArray(patterns)) return false;
  return patterns.some((one) => typeof one === 'string' && patternOf(one).test(path));
}

/** uv's patterns are those of Rust's `glob`: `**` is any number of folders, `*` and `?` stay within one. */
function patternOf(glob: string): RegExp {
  const source = posix
    .normalize(glob)
    .replace(/\/+$/, '')
    .split('/')
    .map((part) =>
      part === '**'
        ? '(?:[^/]+/)*'
        : `${part
            .replace(/[.+^${}()|\\]/g, '\\$&')
            .replace(/\*/g, '[^/]*')
            .replace(/\?/g, '[^/]')}/`,
    )
    .join('');
  try {
    return new RegExp(`^${source.replace(/\/$/, '')}$`);
  } catch {
    return /^$/;
  }
}
