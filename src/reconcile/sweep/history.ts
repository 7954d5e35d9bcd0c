import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Log } from '../../log.ts';
import type { RevisionLogs } from '../../store/revision-logs.ts';
import type { Store } from '../../store/store.ts';
import type { LocalLook } from './sweep.ts';

/** Rows of one transaction: a few ms, during which the service answers nobody. */
const ROWS = 500;
/** Deployments of one round; each is a transaction of its own, with all its revisions. */
const DEPLOYMENTS = 10_000;
const LOGS = 500;

/**
 * Forgets what is older than `BD_KEEP_HISTORY`: events, ended deployments with all that belongs to them, logs of revisions that were
 * replaced. In small steps, between which the service does everything else. The note in GitLab stays.
 */
export function historyLook(
  context: {
    readonly store: Store;
    readonly logs: Pick<RevisionLogs, 'list' | 'remove'>;
    readonly log: Log;
    readonly now: () => number;
    /** How long history is kept; ms. */
    readonly keepMs: number;
  },
  everyMs: number,
): LocalLook {
  const { store, logs, log, now, keepMs } = context;
  return {
    name: 'history',
    everyMs,
    async run(signal) {
      const before = now() - keepMs;
      const forgotten = { events: 0, deployments: 0, logs: 0 };
      await inSteps(signal, ROWS, () => store.deliveries.forgetOld(now(), ROWS));
      await inSteps(signal, ROWS, () => {
        const count = store.history.forgetEvents(before, ROWS);
        forgotten.events += count;
        return count;
      });
      await inSteps(signal, ROWS, () => store.changes.forgetOld(before, ROWS));
      await inSteps(signal, ROWS, () => store.changes.forgetUnused(ROWS));
      for (const id of signal.aborted ? [] : store.history.ended(before, DEPLOYMENTS)) {
        const revisions = store.history.forgetDeployment(id, before);
        for (const revision of revisions ?? []) logs.remove(revision);
        forgotten.deployments += revisions === undefined ? 0 : 1;
        await nextTurn();
        if (signal.aborted) break;
      }
      const kept = await logs.list();
      for (let from = 0; from < kept.length && !signal.aborted; from += LOGS) {
        const outdated = store.history.outdated(kept.slice(from, from + LOGS), before);
        for (const id of outdated) logs.remove(id);
        forgotten.logs += outdated.length;
        await nextTurn();
      }
      if (Object.values(forgotten).some((count) => count > 0))
        log.info(forgotten, 'history that is older than BD_KEEP_HISTORY is removed');
    },
  };
}

/** Repeats a step that does at most `most` of something, until there is less to do; everything else of the service runs in between. */
async function inSteps(signal: AbortSignal, most: number, step: () => number): Promise<void> {
  while (!signal.aborted && step() >= most) await nextTurn();
}
