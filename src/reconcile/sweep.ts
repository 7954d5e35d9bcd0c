import { messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Runtime } from '../runtimes/runtime.ts';
import type { BundleStore } from '../store/bundles/bundle-store.ts';
import type { Store } from '../store/store.ts';
import { ofDeployment, ofMergeRequest } from './reconciler.ts';

/** A bundle of a deployment that was closed stays this long, so that reopen and /deploy need no pipeline. */
const KEEP_BUNDLE_MS = 7 * 24 * 3_600_000;
/** Longer than an upload takes to be decided on. */
const UNUSED_BUNDLE_MS = 3_600_000;
/** GitLab's default limit for a job. */
const LATE_JOB_MS = 3_600_000;

export interface Sweep {
  start(): void;
  stop(): void;
  /** One round: all that is open is due within the period, each at a time of its own. */
  once(): Promise<void>;
}

/** Marks everything due at a slow, jittered pace, so that a lost webhook costs minutes, and removes instances that no deployment wants. */
export function createSweep(options: {
  readonly store: Store;
  readonly runtime: Runtime;
  readonly bundles: Pick<BundleStore, 'list' | 'remove' | 'ageMs'>;
  readonly everyMs: number;
  readonly log: Log;
  readonly now: () => number;
}): Sweep {
  const { store, runtime, log, everyMs, now } = options;
  let timer: NodeJS.Timeout | undefined;

  async function once(): Promise<void> {
    const open = store.deployments.open();
    store.transaction(() => {
      for (const id of new Set(open.map((d) => d.mergeRequestId)))
        store.work.mark(ofMergeRequest(id), 'merge-request', now() + Math.random() * everyMs);
      for (const deployment of open) {
        store.work.mark(ofDeployment(deployment.id), 'instance', now() + Math.random() * everyMs);
        store.work.mark(ofDeployment(deployment.id), 'environment', now() + Math.random() * everyMs);
      }
      // A reopen whose webhook was lost, and a job that ended after the deployment did and so brought its environment back.
      for (const deployment of store.deployments.stoppedSince(now() - KEEP_BUNDLE_MS)) {
        if (deployment.stopReason === 'closed' || deployment.stopReason === 'unreadable')
          store.work.mark(ofMergeRequest(deployment.mergeRequestId), 'merge-request', now() + Math.random() * everyMs);
        if (now() - (deployment.stoppedAt ?? 0) < LATE_JOB_MS)
          store.work.mark(ofDeployment(deployment.id), 'environment', now() + Math.random() * everyMs);
      }
      store.deliveries.forgetOld(now());
    });
    await removeStrays();
    await removeOldBundles();
  }

  async function removeStrays(): Promise<void> {
    for (const name of await runtime.list()) {
      if (store.revisions.ofInstance(name)?.instanceState === 'present') continue;
      log.warn({ instance: name }, 'an instance that no revision has is removed');
      await runtime
        .stop(name)
        .catch((error: unknown) => log.error({ instance: name, error: messageOf(error) }, 'it could not be removed'));
    }
  }

  async function removeOldBundles(): Promise<void> {
    const wanted = new Set(store.revisions.bundlesToKeep(now() - KEEP_BUNDLE_MS));
    for (const digest of await options.bundles.list()) {
      if (wanted.has(digest) || ((await options.bundles.ageMs(digest)) ?? 0) < UNUSED_BUNDLE_MS) continue;
      await options.bundles.remove(digest);
    }
  }

  function plan(): void {
    timer = setTimeout(() => {
      once()
        .catch((error: unknown) => log.error({ error: String(error) }, 'the sweep failed'))
        .finally(() => timer !== undefined && plan());
    }, everyMs);
    timer.unref();
  }
  return {
    start: plan,
    stop() {
      clearTimeout(timer);
      timer = undefined;
    },
    once,
  };
}
