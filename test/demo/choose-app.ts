import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DemoApp } from './app.ts';
import { commandApp } from './command-app.ts';
import { dagsterApp } from './dagster-app.ts';

/** What the demo downloads stays here for the next one; `npm ci` removes it. */
const CACHE = fileURLToPath(new URL('../../node_modules/.cache/branch-deployments-demo', import.meta.url));
const FETCH_UV = fileURLToPath(new URL('./fetch-uv.py', import.meta.url));
/** What both projects of the example take: dbt-core 1.11 is for Python 3.13 at the most. */
const PYTHONS = '>=3.11,<3.14';

/**
 * The app that was asked for; else Dagster where Python 3 is there and uv can be had, else the Node app.
 * @throws where Dagster was asked for and cannot be had
 */
export function chooseApp(asked: 'command' | 'dagster' | undefined, say: (line: string) => void): DemoApp {
  if (asked === 'command') return commandApp('asked for with --app command');
  const found = findDagsterTools(say);
  if (typeof found === 'string') {
    if (asked === 'dagster') throw new Error(`--app dagster needs more than is here: ${found}`);
    return commandApp(`no Dagster: ${found}`);
  }
  return dagsterApp(
    asked === 'dagster' ? 'asked for with --app dagster' : `Python ${PYTHONS} is here, and so is uv`,
    found,
  );
}

function findDagsterTools(say: (line: string) => void): { uv: string; cache: string } | string {
  if (output('python3', ['--version']) === undefined) return 'there is no Python 3 on this machine';
  const cache = process.env.BD_TEST_UV_CACHE ?? join(CACHE, 'uv-cache');
  mkdirSync(cache, { recursive: true });
  const uv = findUv(say);
  if ('missing' in uv) return uv.missing;
  // As the service will: what is not installed is not downloaded.
  if (output(uv.path, ['python', 'find', '--no-python-downloads', PYTHONS]) === undefined)
    return `no Python ${PYTHONS} is on this machine`;
  return { uv: uv.path, cache };
}

function findUv(say: (line: string) => void): { path: string } | { missing: string } {
  if (output('uv', ['--version']) !== undefined) return { path: 'uv' };
  const own = join(CACHE, 'uv');
  if (!existsSync(own)) {
    say('fetching uv from PyPI …');
    try {
      execFileSync('python3', [FETCH_UV, CACHE], { stdio: ['ignore', 'ignore', 'pipe'] });
    } catch (error) {
      const last = String((error as { stderr?: Buffer }).stderr ?? error)
        .trim()
        .split('\n')
        .at(-1);
      return { missing: `uv is not installed, and could not be fetched from PyPI (${last})` };
    }
  }
  return { path: own };
}

function output(program: string, args: readonly string[]): string | undefined {
  try {
    return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return undefined;
  }
}
