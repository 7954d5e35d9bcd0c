import type { Step } from '../../deployment/launch.ts';
import type { Beside, InstanceLog, Source } from '../runtime.ts';
import type { Instance } from './instance.ts';
import type { KeyedLock } from './keyed-lock.ts';
import { placeOf, readyTree } from './make-place.ts';
import { makeShared } from './make-shared.ts';
import { removeInstanceFolder } from './run-inside.ts';
import { runStepCommand } from './run-step.ts';

/**
 * Runs steps beside a running instance's processes, with its rights. A tree that they work on lies in the instance's folder, so that what
 * a crash leaves of it goes with the instance, or with the next work of this kind.
 */
export async function workBeside<T>(
  instance: Instance,
  options: { readonly source?: Source | undefined; readonly sharedLock: KeyedLock; readonly log: InstanceLog },
  act: (beside: Beside) => Promise<T>,
): Promise<T> {
  const { source, sharedLock, log } = options;
  const tree = instance.folders.otherTree;
  const run: Beside['run'] = (step, { onOutput, signal } = {}) => {
    const stepLog: InstanceLog = { say: (line) => log.say(line), write: onOutput ?? ((chunk) => log.write(chunk)) };
    if (step.makesShared)
      return makeShared(instance, step as Step & Required<Pick<Step, 'makesShared'>>, {
        log: stepLog,
        lock: sharedLock,
      });
    return runStepCommand(instance, step, stepLog, { signal });
  };
  if (!source) return act({ place: placeOf(instance), run });
  try {
    await removeInstanceFolder(instance, tree);
    await source.unpackInto(tree, instance.gone);
    await readyTree(instance, tree);
    return await act({ place: placeOf(instance), tree, run });
  } finally {
    // Where the instance is being stopped, all of its folder goes.
    if (!instance.gone.aborted) await removeInstanceFolder(instance, tree);
  }
}
