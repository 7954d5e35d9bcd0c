import { parseEnv } from 'node:util';
import { isReserved } from '../deployment/given-names.ts';
import { readInTree } from './tree-files.ts';

const MAX_DOTENV_BYTES = 256 * 1024;

/** The machine's own: they come from the service where they come from anywhere. */
const MACHINE = /^(PATH|LANG|TZ|LD_PRELOAD|LD_LIBRARY_PATH|(HTTP|HTTPS|NO|ALL)_PROXY)$/i;

/** Values of a `.env`, and the names that it set in vain. */
export interface Dotenv {
  readonly values: Readonly<Record<string, string>>;
  readonly refused: readonly string[];
}

/**
 * Reads the `.env` of a folder; undefined where there is none. It is the repository's, and Dagster would put it over everything else
 * (https://docs.dagster.io/guides/operate/configuration/using-environment-variables-and-secrets): so it is read here, below what the
 * service gives, and the launch takes the file out of the tree.
 *
 * @param passed names of the service's variables that instances get too
 */
export async function readDotenv(
  tree: string,
  path: string,
  options: { readonly passed?: readonly string[] } = {},
): Promise<Dotenv | undefined> {
  const text = await readInTree(tree, path, { maxBytes: MAX_DOTENV_BYTES });
  if (text === undefined) return undefined;
  const values: Record<string, string> = {};
  const refused: string[] = [];
  for (const [name, value] of Object.entries(parseEnv(text))) {
    const taken =
      isReserved(name) || name.startsWith('DAGSTER_') || MACHINE.test(name) || options.passed?.includes(name);
    if (taken) refused.push(name);
    else if (value !== undefined) values[name] = value;
  }
  return { values, refused };
}

/** The lines for the job log about a `.env`: names only, a value may be a secret. */
export function dotenvRemarks(path: string, dotenv: Dotenv): string[] {
  const count = Object.keys(dotenv.values).length;
  const remarks = [
    `${path}: ${count} ${count === 1 ? 'value is' : 'values are'} handed over; the file itself is taken out of the tree`,
  ];
  if (dotenv.refused.length > 0) {
    remarks.push(
      `warning: ${path} sets ${dotenv.refused.toSorted().join(', ')}: refused, a .env cannot change what the deployment is given`,
    );
  }
  return remarks;
}
