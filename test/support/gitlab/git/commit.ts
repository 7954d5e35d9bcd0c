import type { User } from '../state.ts';
import { runGit } from './git.ts';

/** `null` removes the file. Mode `120000` makes a symbolic link to the content. */
export type FileChange =
  | string
  | Uint8Array
  | null
  | { readonly content: string | Uint8Array; readonly mode?: '100644' | '100755' | '120000' };

export interface CommitOptions {
  /** Full ref that is moved to the new commit. */
  readonly ref: string;
  /** Sha of the parent; null for a first commit. */
  readonly parent: string | null;
  readonly files: Readonly<Record<string, FileChange>>;
  readonly message: string;
  readonly author: User;
  readonly timeMs: number;
}

/** One commit by `git fast-import`: one process however many files there are. Returns its sha. */
export async function commitFiles(repository: string, options: CommitOptions): Promise<string> {
  const who = `${options.author.name.replace(/[<>\n]/g, '')} <${options.author.username}@example.com> ${Math.floor(options.timeMs / 1000)} +0000`;
  const parts: Uint8Array[] = [];
  const write = (text: string | Uint8Array) => parts.push(typeof text === 'string' ? Buffer.from(text) : text);
  const data = (content: string | Uint8Array) => {
    const bytes = typeof content === 'string' ? Buffer.from(content) : content;
    write(`data ${bytes.length}\n`);
    write(bytes);
    write('\n');
  };
  write(`commit ${options.ref}\nmark :1\nauthor ${who}\ncommitter ${who}\n`);
  data(options.message);
  if (options.parent !== null) write(`from ${options.parent}\n`);
  for (const [path, change] of Object.entries(options.files)) {
    const quoted = `"${path.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`;
    if (change === null) write(`D ${quoted}\n`);
    else {
      const file = typeof change === 'string' || change instanceof Uint8Array ? { content: change } : change;
      write(`M ${file.mode ?? '100644'} inline ${quoted}\n`);
      data(file.content);
    }
  }
  write('\nget-mark :1\ndone\n');
  // --force: a test may rewrite a branch, as people do.
  const { stdout } = await runGit(repository, ['fast-import', '--quiet', '--done', '--force'], {
    input: Buffer.concat(parts),
  });
  return stdout.trim();
}

export interface MergeOptions {
  readonly ours: string;
  readonly theirs: string;
  readonly message: string;
  readonly author: User;
  readonly timeMs: number;
}

/** A merge commit that no ref points to yet; null on a conflict. */
export async function mergeCommits(repository: string, options: MergeOptions): Promise<string | null> {
  const tree = await runGit(repository, ['merge-tree', '--write-tree', options.ours, options.theirs], { accept: [1] });
  if (tree.code === 1) return null;
  const who = `${options.author.name.replace(/[<>\n]/g, '')} <${options.author.username}@example.com> ${Math.floor(options.timeMs / 1000)} +0000`;
  const commit = [
    `tree ${tree.stdout.trim()}`,
    `parent ${options.ours}`,
    `parent ${options.theirs}`,
    `author ${who}`,
    `committer ${who}`,
    '',
    options.message,
    '',
  ].join('\n');
  return (await runGit(repository, ['hash-object', '-t', 'commit', '-w', '--stdin'], { input: commit })).stdout.trim();
}
