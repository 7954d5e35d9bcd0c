import { posix } from 'node:path';
import { digestInTree, resolveInTree } from '../tree-files.ts';
import { readToml, tableAt, textAt } from './project-files.ts';

/**
 * The packages of indexes in a uv.lock, by name and version, each as a text of where its files come from. uv takes a package of the same name
 * and version for the same, wherever it came from; and of files in a folder of the repository (`find-links`, an index of `format = "flat"`) the
 * lock file has no hash.
 * @throws ProblemError 422 where the lock file is not TOML
 */
export async function lockedPackages(tree: string, lock: string): Promise<Record<string, string>> {
  const packages = (await readToml(tree, lock))?.package;
  const found = new Map<string, unknown[]>();
  for (const entry of Array.isArray(packages) ? packages : []) {
    const one = tableAt({ entry }, 'entry');
    const registry = textAt(tableAt(one, 'source'), 'registry');
    if (one === undefined || registry === undefined) continue;
    const id = `${textAt(one, 'name') ?? ''} ${textAt(one, 'version') ?? ''}`;
    const wheels = Array.isArray(one.wheels) ? one.wheels : [];
    const files: unknown[] = [];
    for (const file of [one.sdist ?? '', ...wheels]) {
      const path = textAt(tableAt({ file }, 'file'), 'path');
      const inTree = path === undefined ? undefined : resolveInTree(posix.join(posix.dirname(lock), registry), path);
      files.push([file, inTree === undefined ? null : ((await digestInTree(tree, inTree)) ?? null)]);
    }
    // Several of one version are for several platforms.
    found.set(id, [...(found.get(id) ?? []), [registry, files]]);
  }
  return Object.fromEntries([...found].map(([id, sources]) => [id, JSON.stringify(sources)]));
}
