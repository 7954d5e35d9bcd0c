import { fileURLToPath } from 'node:url';

/**
 * Where the files lie that are shipped beside the code. All code is one file when it is built (`dist/main.js`), so only a module at the top of
 * `src` finds them from there as from the source. Absolute paths.
 */
export const SHIPPED = {
  /** Migrations of the database. */
  migrations: pathOf('../drizzle'),
  /** The package's own description, with its version. */
  package: pathOf('../package.json'),
  /** The probe: a folder of Python that the interpreter of a code location runs (`python <folder> --output FILE -m MODULE -d FOLDER`). */
  probe: pathOf('./changes/probe'),
  /** Python programs that see to Dagster's runs. */
  runs: pathOf('./apps/dagster/runs'),
} as const;

function pathOf(path: string): string {
  return fileURLToPath(new URL(path, import.meta.url));
}
