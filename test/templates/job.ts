import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { list } from 'tar';
import { parseAllDocuments } from 'yaml';

/** The component's jobs run straight from the template, for what only their script decides. */

export const templatePath = fileURLToPath(new URL('../../templates/branch-deployment.yml', import.meta.url));

export interface Shell {
  name: string;
  command: string[];
  /** Whether the tools are busybox's too, as in Alpine images (but for tar, where this busybox was built without `--exclude`). */
  busybox: boolean;
}

export const onPath = (name: string) =>
  (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path));

export const busybox = onPath('busybox');
const busyboxTarExcludes =
  busybox !== undefined && spawnSync(busybox, ['tar', '--help'], { encoding: 'utf8' }).stderr.includes('exclude');
/** The shells of this machine that the component is run under; `sh` is there always. */
export const shells: Shell[] = [
  onPath('dash')
    ? { name: 'dash', command: ['dash'], busybox: false }
    : { name: 'sh', command: ['sh'], busybox: false },
  ...(busybox ? [{ name: 'busybox sh', command: [busybox, 'sh'], busybox: true }] : []),
];

/** How GitLab Runner gives a script to bash: evaluated at the end of a pipe, with `pipefail`. */
export const runnerShells: Shell[] = onPath('bash')
  ? [
      {
        name: 'bash in GitLab Runner',
        command: ['bash', '-c', `set -eo pipefail; : | eval "$(cat "$2")"`, 'bash'],
        busybox: false,
      },
    ]
  : [];

const applets = ['cat', 'date', 'env', 'gzip', 'mkfifo', 'mktemp', 'rm', 'sed', 'tail', 'tar', 'tee', 'tr', 'wc'];

export interface JobRun {
  exitCode: number | null;
  output: string;
  /** The dotenv report, or null where there is none. */
  report: string | null;
  /** Seconds of each pause, as asked for. */
  pauses: number[];
  /** What the script left in its temporary folder. */
  leftovers: string[];
}

export interface JobOptions {
  shell: Shell;
  files?: Record<string, string>;
  /** `$project` stands for the job's folder. */
  variables?: Record<string, string>;
  /** Tools to put in the place of others: a path, or a script that starts with `#!`; null takes one away. */
  tools?: Record<string, string | null>;
  /** Called once the job runs; gets its process id. */
  onStart?: (pid: number) => void;
}

async function scriptOf(job: 'deploy' | 'stop'): Promise<string> {
  const template = parseAllDocuments(await readFile(templatePath, 'utf8'))[1]?.toJS() as Record<
    string,
    { script: string[] }
  >;
  return (template[`$[[ inputs.job_prefix ]]:${job}`] as { script: string[] }).script.join('\n');
}

/** Runs a job's script in a folder of its own; pauses are taken down and not waited for. */
export async function runJob(job: 'deploy' | 'stop', serviceUrl: string, options: JobOptions): Promise<JobRun> {
  const home = await mkdtemp(join(tmpdir(), 'component-'));
  try {
    const [project, temporary, tools] = [join(home, 'project'), join(home, 'tmp'), join(home, 'bin')];
    for (const folder of [project, temporary, tools]) await mkdir(folder);
    for (const [path, content] of Object.entries(options.files ?? {})) {
      await mkdir(dirname(join(project, path)), { recursive: true });
      await writeFile(join(project, path), content);
    }
    await writeFile(join(tools, 'sleep'), `#!/bin/sh\necho "$1" >>"${home}/pauses"\n`, { mode: 0o755 });
    // Only what the component may count on, so that another tool of this machine is not used by chance.
    for (const tool of [...applets, 'curl']) {
      const ofBusybox = options.shell.busybox && tool !== 'curl' && (tool !== 'tar' || busyboxTarExcludes);
      const target = options.tools?.[tool] === undefined ? (ofBusybox ? busybox : onPath(tool)) : options.tools[tool];
      if (target?.startsWith('#!')) await writeFile(join(tools, tool), target, { mode: 0o755 });
      else if (target) await symlink(target, join(tools, tool));
    }
    await writeFile(join(home, 'script'), await scriptOf(job));
    const [command, ...rest] = options.shell.command.map((part) => onPath(part) ?? part) as [string, ...string[]];
    const child = spawn(command, [...rest, '-e', join(home, 'script')], {
      cwd: project,
      env: {
        PATH: tools,
        TMPDIR: temporary,
        CI_JOB_NAME: `branch-deployment:${job}`,
        CI_PIPELINE_SOURCE: 'merge_request_event',
        CI_MERGE_REQUEST_IID: '7',
        CI_MERGE_REQUEST_PROJECT_ID: '42',
        CI_MERGE_REQUEST_EVENT_TYPE: 'detached',
        ...(job === 'stop' ? { CI_JOB_MANUAL: 'true' } : {}),
        BRANCH_DEPLOYMENT_ID_TOKEN: 'header.claims.signature',
        BRANCH_DEPLOYMENT_INPUT_SERVICE_URL: serviceUrl,
        BRANCH_DEPLOYMENT_INPUT_APP: '',
        BRANCH_DEPLOYMENT_INPUT_DIRECTORY: '.',
        BRANCH_DEPLOYMENT_INPUT_CONTEXT: '.',
        BRANCH_DEPLOYMENT_INPUT_EXCLUDE: '.venv __pycache__ .tox node_modules',
        BRANCH_DEPLOYMENT_INPUT_TIMEOUT: '15m',
        ...Object.fromEntries(
          Object.entries(options.variables ?? {}).map(([name, value]) => [name, value.replace('$project', project)]),
        ),
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const limit = setTimeout(() => child.kill('SIGKILL'), 45_000);
    options.onStart?.(child.pid as number);
    const exitCode = await new Promise<number | null>((resolve) => child.on('close', (code) => resolve(code)));
    clearTimeout(limit);
    const readIfThere = (path: string) => readFile(path, 'utf8').catch(() => null);
    return {
      exitCode,
      output,
      report: await readIfThere(join(project, '.branch-deployment-report.env')),
      pauses: ((await readIfThere(join(home, 'pauses'))) ?? '').split('\n').filter(Boolean).map(Number),
      leftovers: await readdir(temporary),
    };
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

/** Names in an archive that a job sent, without folders, in order. */
export async function namesIn(archive: Buffer): Promise<string[]> {
  const names: string[] = [];
  const parser = list({ onReadEntry: (entry) => void (entry.type === 'Directory' || names.push(entry.path)) });
  await new Promise<void>((resolve, reject) => {
    parser.on('end', resolve);
    parser.on('error', reject);
    parser.end(archive);
  });
  return names.sort();
}
