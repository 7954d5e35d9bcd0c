import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { ProblemError } from '../../errors.ts';
import { isVersionRequest, type PythonRequest } from './python-request.ts';

/** The Pythons that branches find on this machine, by uv. */
export interface InstalledPythons {
  /** Whether uv finds what is asked for. One that was found once is believed to stay. */
  has(request: string): Promise<boolean>;
  /** All versions, for people: a look takes up to seconds. Undefined where uv does not tell. */
  list(): Promise<readonly string[] | undefined>;
}

/**
 * Asks uv for Pythons in the surroundings of an instance: without the service's own HOME and settings. uv starts what it finds, so nothing of a
 * branch may have a say in it but a version: no path, no configuration, no `.venv`.
 */
export function createInstalledPythons(options: {
  uv: string;
  passEnv: Readonly<Record<string, string>>;
}): InstalledPythons {
  const { PATH, UV_PYTHON_INSTALL_DIR } = options.passEnv;
  const env = {
    HOME: '/nonexistent',
    PATH: PATH ?? '',
    UV_NO_CACHE: '1',
    UV_PYTHON_DOWNLOADS: 'never',
    ...(UV_PYTHON_INSTALL_DIR === undefined ? {} : { UV_PYTHON_INSTALL_DIR }),
  };
  const python = async (...words: string[]): Promise<string> => {
    const all = ['python', ...words.slice(0, 1), '--no-config', ...words.slice(1)];
    return (await promisify(execFile)(options.uv, all, { cwd: '/', env, timeout: 60_000 })).stdout;
  };
  const found = new Set<string>();
  return {
    has: async (request) => {
      if (found.has(request) || !isVersionRequest(request)) return true;
      try {
        await python('find', '--no-project', '--', request);
      } catch (error) {
        // Where uv itself is missing, that is what has to be said.
        return (error as NodeJS.ErrnoException).code === 'ENOENT';
      }
      found.add(request);
      return true;
    },
    list: async () => {
      try {
        const answer = JSON.parse(await python('list', '--only-installed', '--output-format', 'json'));
        return [...new Set((answer as ReadonlyArray<{ version: string }>).map((one) => one.version))];
      } catch {
        return undefined;
      }
    },
  };
}

/**
 * Checks that what a location asks for is installed.
 * @throws ProblemError 422 that lists what is, and says what to change
 */
export async function requirePython(
  location: string,
  wanted: PythonRequest,
  options: { installed: InstalledPythons },
): Promise<void> {
  if (await options.installed.has(wanted.request)) return;
  const versions = await options.installed.list();
  const there = versions?.length ? ` Installed are ${versions.join(', ')}.` : '';
  throw new ProblemError(
    'no-python',
    422,
    `Location ${location} wants Python ${wanted.request} (${wanted.from}), which is not installed on the machine of the service.${there} Ask for one of them (the key python in .branch-deployment.yml, or .python-version), or let the operator of the service install it there or set BD_PYTHON_DOWNLOADS=true.`,
  );
}
