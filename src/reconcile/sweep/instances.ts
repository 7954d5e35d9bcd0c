import { messageOf } from '../../errors.ts';
import type { Log } from '../../log.ts';
import type { Runtime } from '../../runtimes/runtime.ts';
import type { Store } from '../../store/store.ts';
import { ofDeployment } from '../reconciler.ts';
import type { TellRepair } from './repairs.ts';
import type { LocalLook } from './sweep.ts';

interface Context {
  readonly store: Store;
  readonly runtime: Runtime;
  readonly log: Log;
  readonly now: () => number;
  readonly tell: TellRepair;
}

/** Removes instances that no revision has: a revision has its instance, by name, before anything of it is made. */
export function instancesLook({ store, runtime, log, tell }: Context): LocalLook {
  return {
    name: 'instances',
    everyMs: 0,
    async run(signal) {
      for (const name of await runtime.list()) {
        if (signal.aborted) return;
        const revision = store.revisions.ofInstance(name);
        if (revision?.instanceState === 'present') continue;
        try {
          await runtime.stop(name);
          tell(
            'instance',
            `The instance ${name} was there, though no revision has it: removed.`,
            revision && { deploymentId: revision.deploymentId },
          );
        } catch (error) {
          log.error(
            { instance: name, error: messageOf(error) },
            'an instance that no revision has could not be removed',
          );
        }
      }
    },
  };
}

/** Removes deployments' data that nothing wants: a stopped deployment's by its own reconciler, so that it cannot cross a start. */
export function dataLook({ store, runtime, now, tell }: Context, everyMs: number): LocalLook {
  return {
    name: 'data',
    everyMs,
    async run(signal) {
      for (const name of (await runtime.deployments?.()) ?? []) {
        if (signal.aborted) return;
        const deployment = store.deployments.named(name);
        if (deployment && deployment.phase !== 'stopped') continue;
        if (deployment) store.work.mark(ofDeployment(deployment.id), 'instance', now());
        else await runtime.removeData(name);
        const why = deployment ? 'the deployment is stopped' : 'no deployment has it';
        tell(
          'data',
          `The data folder of ${name} was there, though ${why}: removed.`,
          deployment && { deploymentId: deployment.id, mergeRequestId: deployment.mergeRequestId },
        );
      }
    },
  };
}
