import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A fresh work tree of one commit, as GitLab Runner makes it: detached, with the project as `origin`. */
export async function checkOut(
  repository: string,
  sha: string,
  folder: string,
  options: { origin: string },
): Promise<void> {
  await run('git', ['clone', '--quiet', '--shared', '--no-checkout', repository, folder]);
  await run('git', ['-C', folder, '-c', 'advice.detachedHead=false', 'checkout', '--quiet', '--detach', sha]);
  await run('git', ['-C', folder, 'remote', 'set-url', 'origin', options.origin]);
}

/** The commit that a ref of a bare repository names; null where it has no such ref. */
export async function resolveRef(repository: string, ref: string): Promise<string | null> {
  return run('git', ['-C', repository, 'rev-parse', '--verify', '--quiet', `${ref}^{commit}`])
    .then(({ stdout }) => stdout.trim())
    .catch(() => null);
}

/** Title, time and branch-independent facts of a commit, for the predefined variables. */
export async function readCommit(
  repository: string,
  sha: string,
): Promise<{ title: string; message: string; author: string; timestamp: string }> {
  const { stdout } = await run('git', [
    '-C',
    repository,
    'show',
    '--no-patch',
    '--format=%s%x00%an <%ae>%x00%cI%x00%B',
    sha,
  ]);
  const [title = '', author = '', timestamp = '', message = ''] = stdout.split('\0');
  return { title, author, timestamp, message: message.trimEnd() };
}
