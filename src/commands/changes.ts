import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { messageOf } from '../errors.ts';
import { changesJson } from '../views/changes-json.ts';
import { renderChangesText } from '../views/changes-text.ts';
import { type ComparedFolders, compareFolders } from './compare-folders.ts';
import { findNamedPython } from './find-python.ts';

export const CHANGES_HELP = `branch-deployments changes --base <folder> --branch <folder> [--python <interpreter>] [--json]

  Compares the Dagster projects in two folders asset by asset. Nothing is installed, and no service is asked.

  --base <folder>      what it is compared with: for example a git worktree of the target branch
  --branch <folder>    what has changed
  --python <python>    interpreter that has the project's packages; without one, each location's .venv is used: that of
                       its own folder, else of the other one
  --json               for programs: {"assets":{"<location>/<key>":{"reasons":[…],…}},…}

  Exit code: 0 both were read, changed or not; 1 one could not be loaded; 2 the call is wrong
`;

/** What a command leaves: its exit code, and what it says. */
export interface CommandResult {
  readonly code: 0 | 1 | 2;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * The command `changes` (README, "Compare two folders").
 *
 * @param args what follows the command's name
 */
export async function runChanges(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<CommandResult> {
  const options = await readOptions(args);
  if (typeof options === 'string') return { code: 2, stdout: '', stderr: `${options}\n\n${CHANGES_HELP}` };
  if (options.help) return { code: 0, stdout: CHANGES_HELP, stderr: '' };
  const { base, branch, json } = options;
  const python = options.python === undefined ? undefined : await findNamedPython(options.python, env.PATH ?? '');
  if (options.python !== undefined && python === undefined) {
    return { code: 2, stdout: '', stderr: `--python: there is no interpreter "${options.python}" that can be run.\n` };
  }
  const found = await compareFolders({ base, branch, python, env });
  if ('failures' in found) {
    return { code: 1, stdout: '', stderr: `The folders cannot be compared.\n\n${found.failures.join('\n\n')}\n` };
  }
  return { code: 0, stdout: json ? jsonOf(found) : textOf(found), stderr: '' };
}

type Found = Exclude<ComparedFolders, { failures: readonly string[] }>;

const jsonOf = ({ changes, locks, gaps }: Found): string =>
  `${JSON.stringify({ ...changesJson(changes), locks, gaps })}\n`;

function textOf({ changes, locks, gaps }: Found): string {
  return [
    renderChangesText(changes),
    ...(locks.length > 0 ? [`\nPackages changed: ${locks.join(', ')}.\n`] : []),
    ...(gaps.length > 0 ? [`\nThe comparison does not see: ${gaps.join(', ')}.\n`] : []),
  ].join('');
}

type Options =
  | { readonly help: true }
  | {
      readonly help?: false;
      readonly base: string;
      readonly branch: string;
      readonly python: string | undefined;
      readonly json: boolean;
    };

/** @returns what is wrong, where it is a text */
async function readOptions(args: readonly string[]): Promise<Options | string> {
  let values: { base?: string; branch?: string; python?: string; json?: boolean; help?: boolean };
  try {
    const known = {
      base: { type: 'string' },
      branch: { type: 'string' },
      python: { type: 'string' },
      json: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    } as const;
    ({ values } = parseArgs({ args: [...args], options: known }));
  } catch (error) {
    return messageOf(error);
  }
  const { base, branch, python, json = false, help } = values;
  if (help) return { help };
  if (base === undefined || branch === undefined) return 'Both --base <folder> and --branch <folder> are needed.';
  for (const [option, folder] of Object.entries({ base, branch })) {
    const is = await stat(folder).catch(() => undefined);
    if (!is?.isDirectory()) return `--${option}: there is no folder "${folder}".`;
  }
  return { base: resolve(base), branch: resolve(branch), python, json };
}
