import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { ProblemError } from '../../errors.ts';

/**
 * Makes a check that uv is there, which rejects with a ProblemError 422 that says how to install it: the pipeline's job shows it to whoever
 * can ask for it. Once it was found, it is believed to stay: each look is a part of the time that a push takes.
 * @param uv `uv` on the PATH, or its absolute path
 */
export function createUvCheck(uv: string): () => Promise<void> {
  let found = false;
  return async () => {
    if (found) return;
    try {
      await promisify(execFile)(uv, ['--version'], { timeout: 10_000 });
      found = true;
    } catch (cause) {
      throw new ProblemError(
        'no-uv',
        422,
        'Dagster projects need uv on the machine of the service, and it is not found on its PATH. Install it there (https://docs.astral.sh/uv/getting-started/installation/, or: pip install uv), then run this job again.',
        { cause },
      );
    }
  };
}
