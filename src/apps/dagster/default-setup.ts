import { posix } from 'node:path';
import type { Dependencies } from './dependencies.ts';
import { tableAt } from './project-files.ts';
import type { PythonRequest } from './python-request.ts';
import { quote } from './quote.ts';
import { POETRY_EXPORT } from './versions.ts';

/** How a location's environment is made where nobody said how. */
export interface DefaultSetup {
  /** For `sh`, in the location's folder, where `VIRTUAL_ENV` and `UV_PROJECT_ENVIRONMENT` name its own environment. */
  readonly command: string;
  readonly remark: string;
}

/**
 * The default of README "The app": `uv sync --locked` with a uv.lock, else requirements.txt, else poetry.lock, else the project itself.
 * A package that says how it is built is installed beside its requirements, as Dagster+ does it (dagster_cloud_cli/core/pex_builder/deps.py).
 */
export function defaultSetup(
  directory: string,
  options: { readonly dependencies: Dependencies; readonly python: PythonRequest | undefined },
): DefaultSetup {
  const { dependencies, python } = options;
  const { kind, folder, file, installable } = dependencies;
  const version = python === undefined ? '' : ` --python ${word(python.request)}`;
  const base = posix.relative(directory, folder) || '.';
  const beside = (name: string): string => word(posix.join(base, name));
  switch (kind) {
    case 'uv': {
      // uv reads the rest by itself.
      const given = python?.from === '.branch-deployment.yml' ? version : '';
      return { command: `uv sync --locked${given}`, remark: `uv sync --locked (${file})` };
    }
    case 'requirements': {
      const also = installable ? ` -e ${word(base)}` : '';
      return {
        command: `uv venv${version} && uv pip install -r ${beside('requirements.txt')}${also}`,
        remark: `uv pip install (${file}${installable ? ' and the package beside it' : ''})`,
      };
    }
    case 'poetry':
      return {
        command: `uv venv${version} && ${poetryInstall(dependencies, base)}`,
        remark: `uv pip install (${file}, exported by poetry)`,
      };
    case 'project':
      return {
        command: `uv venv${version} && uv pip install -e ${word(base)}`,
        remark: `uv pip install -e . (${file}; no uv.lock, no requirements.txt)`,
      };
    default:
      return kind satisfies never;
  }
}

/** uv does not read poetry.lock. Poetry's own export does, without a request of its own: the lock says all. */
function poetryInstall({ installable, project }: Dependencies, base: string): string {
  const [poetry, plugin] = POETRY_EXPORT;
  const list = '"$TMPDIR/poetry-requirements.txt"';
  const exported = `uv tool run --quiet --from ${poetry} --with ${plugin} poetry export --no-interaction --project ${word(base)} --output ${list}`;
  const packages = `uv pip install --no-deps -r ${list}`;
  const isPackage = installable && tableAt(project, 'tool', 'poetry')?.['package-mode'] !== false;
  return [exported, packages, ...(isPackage ? [`uv pip install --no-deps -e ${word(base)}`] : [])].join(' && ');
}

/** Quoted where it has to be: the first line of a command is shown in the job's log. */
function word(text: string): string {
  return /^[\w./@+-]+$/.test(text) ? text : quote(text);
}
