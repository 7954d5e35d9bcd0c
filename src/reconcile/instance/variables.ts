import { createMasker, maskText } from '../../deployment/mask.ts';
import { type HandedVariable, openVariables, SealError } from '../../deployment/sealed-variables.ts';
import type { InstanceLog } from '../../runtimes/runtime.ts';
import type { DeploymentRow, RevisionRow } from '../../store/schema.ts';
import type { InstanceContext } from './context.ts';

/** What was handed over for a revision, in the clear: for its children, and to keep it out of everything that is written. */
export interface OpenedVariables {
  readonly variables: readonly HandedVariable[];
  readonly setupVariables: readonly HandedVariable[];
}

type Sealed = Pick<InstanceContext, 'store' | 'sealingKeys' | 'setupVariables'>;

/** @throws {SealError} where the service has not the key any more */
export function openRevision(context: Sealed, revision: RevisionRow): OpenedVariables {
  const { sealingKeys: keys, setupVariables, store } = context;
  const setup = setupVariables.of(revision.id);
  if (revision.sealedVariables === null) return { variables: [], setupVariables: setup };
  const { name } = store.deployments.get(revision.deploymentId) as DeploymentRow;
  return {
    variables: openVariables(revision.sealedVariables, { keys, deployment: name }),
    setupVariables: setup,
  };
}

/** Values that must not show where this revision's output goes. @throws {SealError} as `openRevision` */
export function secretValues(context: Sealed, revision: RevisionRow): string[] {
  const { variables, setupVariables } = openRevision(context, revision);
  return [...variables, ...setupVariables].map(({ value }) => value);
}

/** Takes the values out of texts about this revision; they are opened with the first one. */
export function maskFor(context: InstanceContext, revision: RevisionRow): (text: string) => string {
  let opened: { readonly values: readonly string[] | undefined } | undefined;
  return (text) => {
    opened ??= { values: valuesOrNone(context, revision) };
    // What cannot be opened is not handed to a child either, so no text holds it.
    return opened.values === undefined ? text : maskText(text, opened.values);
  };
}

/** The values of a revision by its id, as far as they are known now. */
export function knownSecrets(context: Sealed, revisionId: number): string[] {
  const revision = context.store.revisions.get(revisionId);
  return (revision && valuesOrNone(context, revision)) ?? [];
}

/** Undefined where the service has not the key any more. */
function valuesOrNone(context: Sealed, revision: RevisionRow): string[] | undefined {
  try {
    return secretValues(context, revision);
  } catch (error) {
    if (error instanceof SealError) return undefined;
    throw error;
  }
}

/** Why setup may fail, where it needs variables that the service has not any more; undefined where it has them. */
export function lostSetupVariables(context: InstanceContext, revision: RevisionRow): string | undefined {
  const names = revision.spec.setupVariables ?? [];
  if (names.length === 0 || context.setupVariables.of(revision.id).length > 0) return undefined;
  return (
    `It is set up without the variables ${names.join(', ')} (setup_variables): they are never stored, ` +
    'and only the deploy job that hands them over can use them. Should setup or prepare need them, run that job again.'
  );
}

/** The log of a revision for what its steps and commands print, without the values that were handed over. */
export function instanceLog(context: InstanceContext, revision: RevisionRow): InstanceLog {
  const { logs } = context;
  const values = valuesOrNone(context, revision);
  // What is printed may hold values that nobody can look for any more.
  if (values === undefined) return { say: (line) => logs.say(revision.id, line), write: () => {} };
  const masker = createMasker(values);
  return {
    say(line) {
      logs.write(revision.id, masker.end());
      logs.say(revision.id, maskText(line, values));
    },
    write: (chunk) => logs.write(revision.id, masker.write(chunk)),
  };
}
