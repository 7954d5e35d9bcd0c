import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** How long an answer is believed: an interpreter is seldom replaced while the service runs. */
const BELIEVED_MS = 60_000;
const PROGRAMS = ['node', 'python3'] as const;

let believed: { readonly until: number; readonly versions: Promise<Record<string, string>> } | undefined;

/**
 * What the interpreters on the PATH say to `--version`: what setup made with one of them may not run with another.
 * One that is missing has the version `none`.
 */
export function interpreterVersions(): Promise<Record<string, string>> {
  const now = performance.now();
  if (believed === undefined || believed.until < now) believed = { until: now + BELIEVED_MS, versions: askAll() };
  return believed.versions;
}

async function askAll(): Promise<Record<string, string>> {
  const run = promisify(execFile);
  const ask = async (program: string): Promise<[string, string]> => {
    try {
      const { stdout } = await run(program, ['--version'], { timeout: 10_000 });
      return [program, `${stdout.trim()} ${process.platform}-${process.arch}`];
    } catch {
      return [program, 'none'];
    }
  };
  return Object.fromEntries(await Promise.all(PROGRAMS.map(ask)));
}
