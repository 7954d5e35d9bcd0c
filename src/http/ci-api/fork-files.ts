import { ProblemError } from '../../errors.ts';
import { gitFiles } from '../../store/bundles/git-files.ts';
import type { CiContext } from './context.ts';

const NAMED = 5;
const SHA256_LENGTH = 64;

/**
 * Whoever owns a fork owns its jobs, and could send anything under the name of a commit that looks harmless. What is approved is the commit, so
 * each file that was sent must be the commit's own, as GitLab has it; some may be left out.
 *
 * @param sent.sha commit that the pipeline runs, whole: of the branch, or of the merged result
 * @throws {ProblemError} 422 naming files that are not the commit's
 */
export async function assertCommitsOwn(
  context: CiContext,
  sent: { readonly projectId: number; readonly sha: string; readonly tree: string },
): Promise<void> {
  const committed = new Map(
    (await context.gitlab.committedFiles(sent.projectId, sent.sha)).map(({ path, kind, id }) => [
      path,
      `${kind} ${id}`,
    ]),
  );
  const found = await gitFiles(sent.tree, sent.sha.length === SHA256_LENGTH ? 'sha256' : 'sha1');
  const others = [...found].filter(([path, id]) => committed.get(path) !== id).map(([path]) => path);
  if (others.length === 0) return;
  const more = others.length > NAMED ? ` and ${others.length - NAMED} more` : '';
  throw new ProblemError(
    'not-of-the-commit',
    422,
    `This merge request comes from a fork, so only the files of its commit ${sent.sha.slice(0, 8)} itself are taken, and the upload holds others or has changed them: ` +
      `${others
        .slice(0, NAMED)
        .map((path) => JSON.stringify(path))
        .join(', ')}${more}. Leave them out with the component's input "exclude". ` +
      'What other jobs build, submodules, and files in Git LFS cannot be taken from a fork.',
  );
}
