import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FOLDER_VARIABLE, openOutputFolder } from './output.ts';
import { searchFolder } from './search.ts';

/**
 * Around the whole test run: its processes keep what the service lets out (collect.ts), and what they know to be secret. In the end all of
 * it is searched, and the run fails where a secret shows.
 */
export function setup(): () => void {
  const folder = mkdtempSync(join(tmpdir(), 'bd-output-'));
  openOutputFolder(folder);
  process.env[FOLDER_VARIABLE] = folder;
  return () => {
    const { secrets, bytes, leaks } = searchFolder(folder);
    rmSync(folder, { recursive: true, force: true });
    process.stdout.write(
      `\nSearched ${(bytes / 1024 ** 2).toFixed(1)} MiB of output for ${secrets} secrets: ${leaks.length} found.\n`,
    );
    if (leaks.length === 0) return;
    const lines = leaks.map(({ secret, where, line }) => `  ${secret} in ${where}\n    ${line}`);
    process.stderr.write(`Secrets show in the output:\n${lines.join('\n')}\n`);
    // vitest only prints what a teardown throws.
    process.exitCode = 1;
  };
}
