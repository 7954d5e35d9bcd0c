import { type HandedVariable, openVariables, SealError, sealVariables } from '../../deployment/sealed-variables.ts';
import { ProblemError } from '../../errors.ts';
import type { DeploymentRow } from '../../store/schema.ts';
import type { CiContext } from './context.ts';
import type { DeployRequest } from './request.ts';

/** Values by name, as the job sent them; one that is not set in the job is missing. */
export type JobValues = ReadonlyMap<string, HandedVariable>;

/** Values in a job's form: `value.<name>`, or `file.<name>` with the content of a variable of type "file". */
export function valuesIn(form: Readonly<Record<string, unknown>>): JobValues {
  const values = new Map<string, HandedVariable>();
  for (const [key, value] of Object.entries(form)) {
    const [, kind, name] = /^(value|file)\.(.+)$/.exec(key) ?? [];
    if (name !== undefined && typeof value === 'string') values.set(name, { name, value, file: kind === 'file' });
  }
  return values;
}

/** What a job hands over, checked. */
export interface HandedOver {
  /** Lines for its log. */
  readonly say: readonly string[];
  /** For setup and prepare alone. */
  readonly setup: readonly HandedVariable[];
  /** The others, sealed for the deployment of this name; null where the job names none. */
  sealFor(deployment: string): string | null;
}

/**
 * Takes the variables that a job's inputs name. The code of a fork is given none, approved or not: its pipeline has its own project's
 * variables, or where a member runs it the target's, which nobody has meant for it.
 * @throws {ProblemError} 422 where the service has no key to seal them with, or a value cannot be one
 */
export function handOver(
  context: Pick<CiContext, 'sealingKeys'>,
  request: Pick<DeployRequest, 'variables' | 'setup_variables'> & { readonly values: JobValues },
  { isFork }: { readonly isFork: boolean },
): HandedOver {
  const { sealingKeys: keys } = context;
  const named = [...new Set([...request.variables, ...request.setup_variables])];
  if (named.length === 0) return { say: [], setup: [], sealFor: () => null };
  if (isFork) {
    const say = [`This merge request comes from a fork: it is not given the variables ${named.join(', ')}.`];
    return { say, setup: [], sealFor: () => null };
  }
  if (request.variables.length > 0 && keys.length === 0)
    throw new ProblemError(
      'no-secret-key',
      422,
      'The input "variables" names variables, and this service has no key to seal their values with. ' +
        'Its operator sets BD_SECRET_KEY, to the output of: openssl rand -base64 32',
    );
  const has = (names: readonly string[]) => names.flatMap((name) => request.values.get(name) ?? []);
  for (const { name, value, file } of has(named))
    if (!file && value.includes('\0'))
      throw new ProblemError(
        'invalid-input',
        422,
        `The variable ${name} holds a NUL character, which no variable can.`,
      );
  const unset = named.filter((name) => !request.values.has(name));
  const say =
    unset.length === 0
      ? []
      : [
          `warning: not set in this job, so not handed over: ${unset.join(', ')}. Look at the name, at the environment scope, ` +
            'and whether the variable is protected while this branch is not.',
        ];
  return {
    say,
    setup: has(request.setup_variables.filter((name) => !request.variables.includes(name))),
    sealFor: (deployment) =>
      request.variables.length === 0 ? null : sealVariables(has(request.variables), { keys, deployment }),
  };
}

/** Whether two sealed texts of a deployment hold the same; one that cannot be opened any more is like no other. */
export function sameVariables(
  { sealingKeys: keys }: Pick<CiContext, 'sealingKeys'>,
  { name: deployment }: DeploymentRow,
  [one, other]: readonly [string | null, string | null],
): boolean {
  if (one === null || other === null) return one === other;
  try {
    const opened = [one, other].map((sealed) => JSON.stringify(openVariables(sealed, { keys, deployment })));
    return opened[0] === opened[1];
  } catch (error) {
    if (error instanceof SealError) return false;
    throw error;
  }
}

/** Gives the variables for setup to the job's revision, unless that is set up already. */
export function settleSetupVariables({ store, setupVariables }: CiContext, jobId: number): void {
  const revisionId = store.jobs.get(jobId)?.revisionId ?? undefined;
  const state = revisionId === undefined ? undefined : store.revisions.get(revisionId)?.state;
  const isUndecided = state === 'queued' || state === 'starting' || state === 'held';
  setupVariables.settle(jobId, isUndecided ? revisionId : undefined);
}
