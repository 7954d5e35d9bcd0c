import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Log } from '../../log.ts';
import type { BundleStore } from '../../store/bundles/bundle-store.ts';
import type { CommitTrees } from '../../store/bundles/commit-trees.ts';
import type { RevisionLogs } from '../../store/revision-logs.ts';
import type { Store } from '../../store/store.ts';
import type { TellRepair } from './repairs.ts';
import type { LocalLook } from './sweep.ts';

/** A bundle of a deployment that was closed stays this long, so that reopen and /deploy need no pipeline. */
const KEEP_BUNDLE_MS = 7 * 24 * 3_600_000;
/** Longer than an upload takes to be decided on. */
const UNUSED_MS = 3_600_000;
/** Logs asked after with one query. */
const AT_ONCE = 500;

interface Context {
  readonly store: Store;
  readonly bundles: Pick<BundleStore, 'list' | 'remove' | 'ageMs' | 'removeLeftovers'>;
  readonly commitTrees: Pick<CommitTrees, 'removeLeftovers'>;
  readonly logs: Pick<RevisionLogs, 'list' | 'remove'>;
  readonly log: Log;
  readonly now: () => number;
  readonly tell: TellRepair;
}

/**
 * Removes bundles that no revision which may run again needs. One that no revision has at all may be an upload that is being decided on;
 * but not if it came before this process, whose predecessor was killed before it decided.
 */
export function bundlesLook({ store, bundles, log, now, tell }: Context): LocalLook {
  const begunAt = now();
  return {
    name: 'bundles',
    everyMs: 0,
    async run(signal) {
      for (const digest of await bundles.list()) {
        if (signal.aborted) return;
        // It is looked at on disk first: other work gets its turn in between.
        const ageMs = (await bundles.ageMs(digest)) ?? 0;
        const users = store.revisions.deploymentsOfBundle(digest).map(({ name }) => name);
        if (ageMs < (users.length === 0 ? Math.min(UNUSED_MS, now() - begunAt) : UNUSED_MS)) continue;
        if (store.revisions.mayRunAgain(digest, now() - KEEP_BUNDLE_MS)) continue;
        await bundles.remove(digest);
        if (users.length > 0)
          log.info({ bundle: digest, deployments: users }, 'a bundle that nobody needs any more is removed');
        else tell('bundle', `The bundle ${digest.slice(0, 12)} was there, though no revision has it: removed.`);
      }
    },
  };
}

/** Removes what uploads and earlier lives left on disk: half-made archives and trees, and logs of revisions that are not there. */
export function leftoversLook({ store, bundles, commitTrees, logs, tell }: Context, everyMs: number): LocalLook {
  return {
    name: 'leftovers',
    everyMs,
    async run(signal) {
      for (const name of await bundles.removeLeftovers(UNUSED_MS))
        tell('upload', `${name} was left by an upload that nobody waits for: removed.`);
      for (const name of await commitTrees.removeLeftovers())
        tell('base', `The files of a base were there as ${name}, though nothing is compared with them: removed.`);
      const ids = await logs.list();
      for (let from = 0; from < ids.length && !signal.aborted; from += AT_ONCE) {
        for (const id of store.revisions.missing(ids.slice(from, from + AT_ONCE))) {
          logs.remove(id);
          tell('log', `The log ${id} was there, though no revision has it: removed.`);
        }
        await nextTurn();
      }
    },
  };
}
