import { join } from 'node:path';
import type { CommonSpec } from '../deployment/app-spec.ts';
import type { Place, PlannedFile, SecretValues } from '../deployment/launch.ts';
import type { HandedVariable } from '../deployment/sealed-variables.ts';
import { expandValues } from './environment.ts';
import type { LaunchContext } from './preset.ts';

/** What a command of the app is given. No name is in both. */
export interface AppValues {
  readonly env: Readonly<Record<string, string>>;
  /** What was handed over, and what the app file makes of it. */
  readonly secret: SecretValues;
}

/**
 * The environment that the repository, the job and the service agree on, each above the one before: `.env`, the variables that the job
 * handed over, the app file, what only the service says. `HOST` and `PORT` are known to expansion only: the runtime sets them.
 *
 * @param options.isSetup whether the command is a step, which is given the variables for setup too
 */
export function appValues(
  spec: Pick<CommonSpec, 'dotenv' | 'env' | 'variables'>,
  context: LaunchContext,
  options: { readonly place: Place; readonly isSetup?: boolean },
): AppValues {
  const { place } = options;
  const { variables = [], setupVariables = [] } = context;
  const given = { ...context.env, BRANCH_DEPLOYMENT_DATA_DIR: place.data };
  const port = Object.values(place.ports)[0];
  const handed = valuesOf(variables, variablesFolder(place));
  // One that was named and is not set is empty, as a shell has it; the job's log has warned of it.
  const unset = Object.fromEntries((spec.variables ?? []).map((name) => [name, '']));
  const written = expandValues(spec.env, { HOST: place.host, PORT: String(port), ...unset, ...handed, ...given });
  const isSecret = (name: string) => Object.keys(handed).some((one) => spec.env[name]?.includes(`\${${one}}`));
  const all = { ...(options.isSetup ? valuesOf(setupVariables, setupFolder(place)) : {}), ...handed };
  return {
    env: {
      ...pick(spec.dotenv, (name) => !Object.hasOwn(all, name) && !Object.hasOwn(written, name)),
      ...pick(written, (name) => !isSecret(name)),
      ...given,
    },
    secret: { ...pick(all, (name) => !Object.hasOwn(written, name)), ...pick(written, isSecret) },
  };
}

/** The files that stand for variables of GitLab's type "file"; their variables hold the paths. */
export function variableFiles(context: LaunchContext, place: Place): PlannedFile[] {
  const { variables = [], setupVariables = [] } = context;
  return [
    ...filesOf(variables, variablesFolder(place)),
    ...filesOf(setupVariables, setupFolder(place)).map((file) => ({ ...file, stepsOnly: true as const })),
  ];
}

const variablesFolder = (place: Place): string => join(place.work, 'variables');
const setupFolder = (place: Place): string => join(place.work, 'setup-variables');

function valuesOf(variables: readonly HandedVariable[], folder: string): Record<string, string> {
  return Object.fromEntries(variables.map(({ name, value, file }) => [name, file ? join(folder, name) : value]));
}

function filesOf(variables: readonly HandedVariable[], folder: string): PlannedFile[] {
  return variables.flatMap(({ name, value, file }) => (file ? [{ path: join(folder, name), content: value }] : []));
}

function pick(values: Readonly<Record<string, string>>, take: (name: string) => boolean): Record<string, string> {
  return Object.fromEntries(Object.entries(values).filter(([name]) => take(name)));
}
