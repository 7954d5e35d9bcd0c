import { runGit } from './git.ts';

/** An entry of a commit's tree, as GitLab's API shows it (doc/api/repositories.md). */
export interface TreeEntry {
  readonly id: string;
  readonly name: string;
  readonly type: 'blob' | 'tree' | 'commit';
  readonly path: string;
  readonly mode: string;
}

/** The entries of a commit's root, or with `recursive` all of them, folders too. */
export async function listTree(
  repository: string,
  sha: string,
  options: { readonly recursive: boolean },
): Promise<TreeEntry[]> {
  const { stdout } = await runGit(repository, ['ls-tree', '-z', ...(options.recursive ? ['-r', '-t'] : []), sha]);
  return stdout
    .split('\0')
    .filter((line) => line !== '')
    .map((line) => {
      const [, mode, type, id, path] = /^(\d+) (\w+) (\w+)\t(.*)$/s.exec(line) as unknown as [
        string,
        string,
        TreeEntry['type'],
        string,
        string,
      ];
      return { id, name: path.split('/').at(-1) as string, type, path, mode };
    });
}
