import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { DAGSTER_VERSION, DBT_PACKAGES } from '../../src/apps/dagster/versions.ts';
import { createProcessRuntime } from '../../src/runtimes/process.ts';

/** The environment of the test run, without settings of a service: what BD_PASS_ENV names must reach the instances. */
export function surroundings(): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('BD_')));
}

/** A service has a warm package cache after its first deployment; tests share one where `BD_TEST_UV_CACHE` names it. */
export function shareUvCache(dataDir: string): void {
  const cache = process.env.BD_TEST_UV_CACHE;
  if (!cache) return;
  mkdirSync(join(dataDir, 'shared'), { recursive: true, mode: 0o700 });
  symlinkSync(cache, join(dataDir, 'shared', 'uv-cache'));
}

/**
 * A service that has served a Dagster project before has the environment of the webserver; tests share one where `BD_TEST_WEBSERVER` names
 * its folder. (That the service makes it is tested in test/apps/dagster.)
 */
export function shareWebserver(dataDir: string): void {
  const made = process.env.BD_TEST_WEBSERVER;
  if (!made) return;
  mkdirSync(join(dataDir, 'shared', 'dagster'), { recursive: true, mode: 0o700 });
  symlinkSync(made, join(dataDir, 'shared', 'dagster', DAGSTER_VERSION));
}

/**
 * An environment with Dagster and dbt that tests share: the one of `BD_TEST_DBT`, else made in `folder`. (That each location has its own is
 * tested in test/apps/dagster.)
 */
export function dbtEnvironment(uv: string, folder: string): string {
  const made = process.env.BD_TEST_DBT;
  if (made) return made;
  execFileSync(uv, ['venv', '--quiet', folder]);
  const packages = [`dagster==${DAGSTER_VERSION}`, ...DBT_PACKAGES];
  const python = join(folder, 'bin', 'python');
  execFileSync(uv, ['pip', 'install', '--quiet', '--compile-bytecode', '--python', python, ...packages]);
  return folder;
}

/** Ends what a stopped service left running: instances outlive it. */
export async function removeInstances(dataDir: string): Promise<void> {
  const runtime = createProcessRuntime({
    dataDir,
    user: null,
    passEnv: { PATH: process.env.PATH ?? '' },
    stopGraceMs: 1_000,
  });
  await Promise.all((await runtime.list()).map((name) => runtime.stop(name)));
  await runtime.close();
}
