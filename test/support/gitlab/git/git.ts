import { spawn } from 'node:child_process';

export interface GitOptions {
  readonly input?: string | Uint8Array;
  /** Exit codes that are an answer, not an error. */
  readonly accept?: readonly number[];
}

const ENVIRONMENT = {
  ...process.env,
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_TERMINAL_PROMPT: '0',
  LC_ALL: 'C',
};

/** Runs git in a bare repository; rejects with what it printed where it failed. */
export async function runGit(
  repository: string,
  args: readonly string[],
  options: GitOptions = {},
): Promise<{ code: number; stdout: string }> {
  const { code, stdout } = await runGitForBytes(repository, args, options);
  return { code, stdout: stdout.toString() };
}

function runGitForBytes(
  repository: string,
  args: readonly string[],
  options: GitOptions = {},
): Promise<{ code: number; stdout: Buffer }> {
  return new Promise((resolve, reject) => {
    const child = spawn('git', ['--git-dir', repository, ...args], {
      env: ENVIRONMENT,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
    child.on('error', reject);
    // git may end before it has read everything; its exit code tells what counts.
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');
    child.on('close', (code) => {
      if (code === 0 || (code !== null && options.accept?.includes(code)))
        resolve({ code, stdout: Buffer.concat(out) });
      else reject(new Error(`git ${args.join(' ')} ended with ${code}: ${Buffer.concat(err).toString().trim()}`));
    });
  });
}

/** Sha of a commit by branch, ref or sha; null where there is none. */
export async function resolveCommit(repository: string, revision: string): Promise<string | null> {
  const { code, stdout } = await runGit(
    repository,
    ['rev-parse', '--verify', '--quiet', '--end-of-options', `${revision}^{commit}`],
    {
      accept: [1, 128],
    },
  );
  return code === 0 ? stdout.trim() : null;
}

/** The newest commit that all of these have in common; null where there is none. */
export async function mergeBase(repository: string, shas: readonly string[]): Promise<string | null> {
  const { code, stdout } = await runGit(repository, ['merge-base', ...shas], { accept: [1] });
  return code === 0 ? stdout.trim() : null;
}

/** The files of a commit as GitLab packs them (Gitaly runs `git archive`): a gzipped tar, below `prefix`. */
export async function gitArchive(repository: string, sha: string, prefix: string): Promise<Buffer> {
  const args = ['archive', '--format=tar.gz', `--prefix=${prefix}`, sha];
  return (await runGitForBytes(repository, args)).stdout;
}
