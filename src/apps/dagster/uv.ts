import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { ProblemError } from '../../errors.ts';

/**
 * Checks that uv is there.
 * @throws ProblemError 422 that says how to install it: the pipeline's job shows it to whoever can ask for it
 */
export async function requireUv(uv: string): Promise<void> {
  try {
    await promisify(execFile)(uv, ['--version'], { timeout: 10_000 });
  } catch (cause) {
    throw new ProblemError(
      'no-uv',
      422,
      'Dagster projects need uv on the machine of the service, and it is not found on its PATH. Install it there (https://docs.astral.sh/uv/getting-started/installation/, or: pip install uv), then run this job again.',
      { cause },
    );
  }
}
