import { cp, mkdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { recordOutput } from '../../secret-search/output.ts';
import type { StandInGitLab } from '../stand-in.ts';
import type { Deployment, Job, Pipeline, Project, User } from '../state.ts';
import { checkOut } from './checkout.ts';
import type { JobDefinition } from './definition.ts';
import { collectVariables } from './job-variables.ts';
import { runScript, type ScriptRun } from './run-script.ts';
import { expandVariables } from './variables.ts';

/** One job of a pipeline, with what the runner remembers of it. */
export interface JobRun {
  readonly job: Job;
  readonly definition: JobDefinition;
  readonly pipeline: Pipeline;
  /** Who started it: the pipeline's user, or who played it. */
  user: User;
  /** Its dotenv report, once it has succeeded. */
  dotenv: Record<string, string>;
  /** Folder of its artifacts, once it has succeeded. */
  artifacts: string | null;
  script: ScriptRun | null;
  canceled: boolean;
}

export interface Execution {
  gitlab: StandInGitLab;
  project: Project;
  /** Variables of the pipeline. */
  pipelineVariables: Readonly<Record<string, string>>;
  /** Runs whose artifacts and reports this job takes over. */
  sources: readonly JobRun[];
  shell: readonly string[];
  workFolder: string;
  timeoutMs: number;
}

/** Executes a job as GitLab Runner does, from checkout to artifacts; its status, exit code, trace and environment are set on the way. */
export async function executeJob(run: JobRun, execution: Execution): Promise<void> {
  const { job } = run;
  const { gitlab } = execution;
  const folder = join(execution.workFolder, `build-${job.id}`);
  const write = (text: string) => {
    job.trace += text;
  };
  let deployment: Deployment | null = null;
  let variables: Record<string, string> = {};
  let status: 'success' | 'failed' | 'canceled' = 'failed';
  try {
    if (run.canceled) return;
    gitlab.setJobStatus(job, 'running');
    deployment = beginDeployment(run, gitlab);
    variables = await collectVariables(run, execution, folder);
    await prepareFolder(run, execution, folder, variables);
    const ended = await runScripts(run, execution, { folder, variables, write });
    if (ended === 0) {
      await keepArtifacts(run, folder, execution.workFolder);
      status = 'success';
      write('Job succeeded\n');
    } else if (ended !== null) write(`ERROR: Job failed: exit code ${ended}\n`);
  } catch (error) {
    status = 'failed';
    write(`ERROR: ${error instanceof Error ? error.message : String(error)}\n`);
  } finally {
    run.script = null;
    if (run.canceled) {
      status = 'canceled';
      write('ERROR: Job canceled\n');
    }
    await rm(folder, { recursive: true, force: true });
    await rm(`${folder}.tmp`, { recursive: true, force: true });
    endDeployment(run, gitlab, { deployment, status, variables });
    recordOutput(`trace of ${job.name}`, job.trace);
    gitlab.setJobStatus(job, status, job.exitCode === null ? {} : { exitCode: job.exitCode });
  }
}

interface ScriptPlace {
  folder: string;
  variables: Record<string, string>;
  write: (text: string) => void;
}

/** Runs `script`, then `after_script` whatever came of it. The exit code of `script`; null where it did not end by itself. */
async function runScripts(run: JobRun, execution: Execution, place: ScriptPlace): Promise<number | null> {
  const { job, definition } = run;
  const options = {
    shell: execution.shell,
    folder: place.folder,
    variables: place.variables,
    masked: execution.project.variables.filter((one) => one.masked).map((one) => one.value),
    timeoutMs: execution.timeoutMs,
    onOutput: place.write,
  };
  run.script = await runScript(definition.script, { ...options, scriptPath: `${place.folder}.tmp/script` });
  if (run.canceled) run.script.cancel();
  const { exitCode, timedOut } = await run.script.ended;
  job.exitCode = exitCode;
  if (definition.afterScript.length > 0) {
    await (await runScript(definition.afterScript, { ...options, scriptPath: `${place.folder}.tmp/after_script` }))
      .ended;
  }
  if (timedOut) throw new Error(`Job failed: execution took longer than ${execution.timeoutMs / 1000}s`);
  return run.canceled ? null : exitCode;
}

/** Only `action: start` makes a deployment, and it does when the job starts. */
function beginDeployment(run: JobRun, gitlab: StandInGitLab): Deployment | null {
  const { environment } = run.definition;
  if (environment?.action !== 'start' || run.job.environmentName === null) return null;
  return gitlab.startDeployment(run.job, {
    ...(environment.onStop === undefined ? {} : { onStop: environment.onStop }),
    ...(environment.tier === undefined ? {} : { tier: environment.tier }),
  });
}

function endDeployment(
  run: JobRun,
  gitlab: StandInGitLab,
  ended: {
    deployment: Deployment | null;
    status: 'success' | 'failed' | 'canceled';
    variables: Record<string, string>;
  },
): void {
  const declared = run.definition.environment;
  if (!declared) return;
  if (ended.deployment) {
    const values: Record<string, string> = { ...ended.variables, ...run.dotenv };
    const url = declared.url === undefined ? undefined : expandVariables(declared.url, (name) => values[name]);
    gitlab.finishDeployment(ended.deployment, ended.status, url === undefined ? {} : { externalUrl: url });
  }
  if (declared.action === 'stop' && ended.status === 'success' && run.job.environmentName !== null) {
    const environment = gitlab.environment(run.job.projectId, run.job.environmentName);
    if (environment) gitlab.environmentStopped(environment);
  }
}

async function prepareFolder(
  run: JobRun,
  execution: Execution,
  folder: string,
  variables: Record<string, string>,
): Promise<void> {
  const strategy = variables.GIT_STRATEGY ?? 'clone';
  if (strategy === 'none' || strategy === 'empty') await mkdir(folder, { recursive: true });
  else {
    const origin = `${execution.gitlab.url}/${execution.project.path}.git`;
    await checkOut(execution.project.repository, run.pipeline.sha, folder, { origin });
  }
  for (const source of execution.sources) {
    if (source.artifacts !== null) await cp(source.artifacts, folder, { recursive: true, verbatimSymlinks: true });
  }
}

/** Keeps what `artifacts:paths` names (files and folders, no patterns) and reads the dotenv report. */
async function keepArtifacts(run: JobRun, folder: string, workFolder: string): Promise<void> {
  const { paths, dotenv } = run.definition.artifacts;
  const kept = join(workFolder, `artifacts-${run.job.id}`);
  for (const path of paths) {
    if (/[*?[]/.test(path)) throw new Error(`artifacts:paths "${path}": patterns are not supported`);
    await mkdir(dirname(join(kept, path)), { recursive: true });
    await cp(join(folder, path), join(kept, path), { recursive: true, verbatimSymlinks: true });
    run.artifacts = kept;
  }
  if (dotenv === undefined) return;
  const text = await readFile(join(folder, dotenv), 'utf8').catch(() => null);
  if (text === null) {
    run.job.trace += `WARNING: ${dotenv}: no matching files.\n`;
    return;
  }
  // GitLab's limits and format: no quotes, no comments, no blank lines.
  if (Buffer.byteLength(text) > 5 * 1024) throw new Error('the dotenv report is larger than 5 KiB');
  for (const line of text.split('\n').filter((one) => one !== '')) {
    const match = /^([A-Za-z_]\w*)=(.*)$/.exec(line);
    if (!match) throw new Error(`the dotenv report has an invalid line: ${line}`);
    run.dotenv[match[1] as string] = match[2] as string;
  }
}
