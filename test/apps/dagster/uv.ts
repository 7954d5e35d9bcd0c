import { execFileSync } from 'node:child_process';

/** Where uv is: `BD_TEST_UV`, else on the PATH; undefined where there is none. In CI that is a failure, not a reason to leave tests out. */
export function findUv(): string | undefined {
  const uv = process.env.BD_TEST_UV ?? 'uv';
  try {
    execFileSync(uv, ['--version'], { stdio: 'ignore' });
    return uv;
  } catch {
    if (process.env.CI) throw new Error('uv is needed here: install it (pip install uv), or name it in BD_TEST_UV');
    return undefined;
  }
}
