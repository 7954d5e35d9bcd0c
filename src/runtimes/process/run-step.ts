import { stat } from 'node:fs/promises';
import { relative } from 'node:path';
import type { Step } from '../../deployment/launch.ts';
import { formatDuration } from '../../deployment/units.ts';
import { messageOf } from '../../errors.ts';
import type { InstanceLog } from '../runtime.ts';
import { keepCarried, takeCarried } from './carry-files.ts';
import type { Instance } from './instance.ts';
import { keepSetup } from './keep-setup.ts';
import { beginWithKin, restoreSetup } from './kept-setups.ts';
import { describeEnd } from './run-command.ts';
import { runShell } from './run-inside.ts';

/** A step that failed; `code` is null where a signal ended it. */
export class StepFailure extends Error {
  override readonly name = 'StepFailure';
  readonly code: number | null;

  constructor(message: string, code: number | null) {
    super(message);
    this.code = code;
  }
}

/**
 * Runs a step of a launch in the tree, or takes what an earlier run of it has made. Rejects with a StepFailure where it fails.
 * @returns keys of kept setups that were taken or made: a later start may want a copy of them
 */
export async function runStep(instance: Instance, step: Step, log: InstanceLog): Promise<string[]> {
  instance.at(step.name);
  const { keep } = step;
  if (keep && (await takeKept(instance, step, keep, log))) return [keep.key];
  const kin = keep && (await takeKin(instance, step, keep, log));
  await takeCarried(instance, step, log);
  await runStepCommand(instance, step, log);
  await keepCarried(instance, step, log);
  if (!keep) return [];
  try {
    const { missing } = await keepSetup(instance, keep);
    if (missing.length > 0) log.say(`${step.name}: made no ${missing.join(', ')}, so that is not kept`);
  } catch (error) {
    instance.signal.throwIfAborted();
    log.say(`${step.name}: its outputs could not be kept for the next time: ${messageOf(error)}`);
  }
  return kin === undefined ? [keep.key] : [keep.key, kin];
}

/** Runs the command of a step; `prelude` goes before it in its shell, and `signal` ends it too. */
export async function runStepCommand(
  instance: Instance,
  step: Step,
  log: InstanceLog,
  options: { prelude?: string; signal?: AbortSignal | undefined } = {},
): Promise<void> {
  const folder = await stat(step.directory).catch(() => undefined);
  if (!folder?.isDirectory()) {
    throw new StepFailure(
      `${step.name} failed: there is no folder ${relative(instance.folders.tree, step.directory)}`,
      null,
    );
  }
  // The command of a shared folder is the preset's own, full of the service's paths: nothing that the app's people wrote.
  log.say(`${step.name}: ${step.makesShared ? 'made once, for all deployments' : firstLine(step.command)}`);
  const startedAt = performance.now();
  const end = await runShell(instance, step.name, {
    script: `${options.prelude ?? ''}${step.prelude ?? ''}${step.command}`,
    directory: step.directory,
    env: { ...step.secret, ...step.env },
    signal: options.signal ? AbortSignal.any([instance.signal, instance.gone, options.signal]) : instance.signal,
    onOutput: (chunk) => log.write(chunk),
  });
  const took = formatDuration(performance.now() - startedAt);
  if (end.code !== 0) {
    const reason = `${step.name} failed with ${describeEnd(end)}`;
    log.say(`${reason} after ${took}`);
    throw new StepFailure(reason, end.code);
  }
  log.say(`${step.name}: done in ${took}`);
}

async function takeKept(
  instance: Instance,
  step: Step,
  keep: NonNullable<Step['keep']>,
  log: InstanceLog,
): Promise<boolean> {
  const startedAt = performance.now();
  try {
    if (!(await restoreSetup(instance, keep))) return false;
  } catch (error) {
    instance.signal.throwIfAborted();
    log.say(`${step.name}: what an earlier run made could not be copied, so it runs again: ${messageOf(error)}`);
    return false;
  }
  log.say(
    `${step.name}: nothing to do, its outputs are copied from an earlier run (${formatDuration(performance.now() - startedAt)})`,
  );
  return true;
}

/** A fault is only said: the step itself makes all of it. */
async function takeKin(
  instance: Instance,
  step: Step,
  keep: NonNullable<Step['keep']>,
  log: InstanceLog,
): Promise<string | undefined> {
  try {
    const kin = await beginWithKin(instance, keep);
    if (kin !== undefined) log.say(`${step.name}: begins with the outputs of an earlier run`);
    return kin;
  } catch (error) {
    instance.signal.throwIfAborted();
    log.say(
      `${step.name}: begins with nothing, as the outputs of an earlier run could not be copied: ${messageOf(error)}`,
    );
    return undefined;
  }
}

function firstLine(command: string): string {
  const [first = '', ...others] = command.trim().split('\n');
  return first.length > 200 || others.length > 0 ? `${first.slice(0, 200)} …` : first;
}
