import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Project } from '../state.ts';
import type { JobDefinition } from './definition.ts';
import type { Execution, JobRun } from './execute-job.ts';
import { expandVariables, jobVariables, scopeCovers } from './variables.ts';

/** The job's environment name with its variables expanded; set on the job's record before it runs. */
export function environmentNameOf(
  definition: JobDefinition,
  project: Project,
  pipelineVariables: Readonly<Record<string, string>>,
): string | null {
  if (!definition.environment) return null;
  const values: Record<string, string> = {
    ...pipelineVariables,
    ...definition.variables,
    ...projectVariables(project, null),
  };
  return expandVariables(definition.environment.name, (name) => values[name]);
}

function projectVariables(project: Project, environment: string | null): Record<string, string> {
  const covered = project.variables.filter(({ environmentScope }) => scopeCovers(environmentScope, environment));
  return Object.fromEntries(covered.map(({ key, value }) => [key, value]));
}

/** Every variable of the job. Later ones win: predefined, the configuration's, dotenv reports, the project's own. */
export async function collectVariables(
  run: JobRun,
  execution: Execution,
  folder: string,
): Promise<Record<string, string>> {
  const { job, definition, pipeline, user } = run;
  const { gitlab, project } = execution;
  const secrets = `${folder}.tmp`;
  await mkdir(secrets, { recursive: true });
  const predefined: Record<string, string> = {
    ...execution.pipelineVariables,
    ...jobVariables(gitlab, project, job, user),
    CI_ENVIRONMENT_SLUG: gitlab.environment(job.projectId, job.environmentName ?? '')?.slug ?? '',
    CI_PROJECT_DIR: folder,
    CI_BUILDS_DIR: execution.workFolder,
    HOME: secrets,
    TMPDIR: secrets,
  };
  const given: Record<string, string> = {
    ...definition.variables,
    ...Object.assign({}, ...execution.sources.map((source) => source.dotenv)),
    ...projectVariables(project, job.environmentName),
  };
  // The values of predefined variables are taken as they are: a title may hold a dollar.
  const lookUp = (name: string): string | undefined => given[name] ?? predefined[name]?.replaceAll('$', '$$$$');
  const variables = { ...predefined };
  for (const [name, value] of Object.entries(given)) variables[name] = expandVariables(value, lookUp);
  for (const { key, type } of project.variables) {
    if (type !== 'file' || variables[key] === undefined || given[key] === undefined) continue;
    await writeFile(join(secrets, key), variables[key], { mode: 0o600 });
    variables[key] = join(secrets, key);
  }
  for (const [name, written] of Object.entries(definition.idTokens)) {
    const audience = expandVariables(written, (known) => variables[known]);
    const expiresInSeconds = Math.ceil(execution.timeoutMs / 1000);
    variables[name] = await gitlab.signIdToken(gitlab.idTokenClaimsFor(job, audience), { audience, expiresInSeconds });
  }
  job.trace += `Running on the pipeline's runner, job ${job.id} of pipeline ${pipeline.id}\n`;
  return variables;
}
