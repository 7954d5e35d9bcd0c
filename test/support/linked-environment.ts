import { execFileSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * A Python environment of its own that finds Dagster in another one: made in a moment, and what a test installs into it stays in it.
 *
 * @param paths more folders that it imports from, as an editable install of a project has it
 * @returns path of its interpreter
 */
export function linkedEnvironment(folder: string, dagster: string, paths: readonly string[] = []): string {
  execFileSync('uv', ['venv', '--quiet', '--python', join(dagster, 'bin', 'python'), folder]);
  writeFileSync(join(packagesOf(folder), 'linked.pth'), [packagesOf(dagster), ...paths, ''].join('\n'));
  return join(folder, 'bin', 'python');
}

function packagesOf(environment: string): string {
  const version = readdirSync(join(environment, 'lib')).find((name) => name.startsWith('python'));
  return join(environment, 'lib', version as string, 'site-packages');
}
