import { runGit } from './git.ts';

export interface GitCommit {
  readonly sha: string;
  readonly parents: readonly string[];
  readonly authorName: string;
  readonly authorEmail: string;
  readonly authoredAt: string;
  readonly committedAt: string;
  readonly message: string;
}

const FORMAT = ['%H', '%P', '%an', '%ae', '%aI', '%cI', '%B'].join('%x00');

/** Commits never change: by repository and full sha. */
const known = new Map<string, GitCommit>();

/** Facts of one commit, by its full sha. */
export async function readCommit(repository: string, sha: string): Promise<GitCommit> {
  const key = `${repository} ${sha}`;
  const before = known.get(key);
  if (before) return before;
  const [commit] = await listCommits(repository, [sha, '-1']);
  if (!commit) throw new Error(`No commit ${sha}.`);
  known.set(key, commit);
  return commit;
}

/** Reads all commits ahead: one process of git instead of one for each. */
export async function readAllCommits(repository: string): Promise<void> {
  for (const commit of await listCommits(repository, ['--all'])) known.set(`${repository} ${commit.sha}`, commit);
}

/** Commits as `git log` finds them, newest first. */
async function listCommits(repository: string, args: readonly string[]): Promise<GitCommit[]> {
  const { stdout } = await runGit(repository, ['log', `--format=${FORMAT}%x01`, ...args, '--']);
  return stdout
    .split('\x01')
    .map((entry) => entry.replace(/^\n/, '').split('\0'))
    .filter((fields) => fields.length === 7)
    .map(
      ([
        sha = '',
        parents = '',
        authorName = '',
        authorEmail = '',
        authoredAt = '',
        committedAt = '',
        message = '',
      ]) => ({
        sha,
        parents: parents.split(' ').filter(Boolean),
        authorName,
        authorEmail,
        authoredAt,
        committedAt,
        message: message.replace(/\n+$/, '\n'),
      }),
    );
}
