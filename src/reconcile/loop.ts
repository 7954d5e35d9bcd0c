import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { WorkRow } from '../store/schema.ts';
import type { Store } from '../store/store.ts';
import { type Reconciler, subjectId } from './reconciler.ts';

/** Rows worked on at once. They wait for GitLab and for processes, not for the processor. */
const CONCURRENCY = 16;
const BACKOFF_FIRST_MS = 500;
const BACKOFF_LONGEST_MS = 5 * 60_000;
/** setTimeout's limit is 2^31 ms; once an hour is enough to look. */
const LONGEST_SLEEP_MS = 3_600_000;
/** How long a stop waits: Docker kills 10 s after TERM, and connections and setups take their time to end too. */
const DRAIN_MS = 4_000;
/** A full disk ends nothing: previews go on, and work waits for room. */
const UNWRITABLE_RETRY_MS = 5_000;

export interface Loop {
  start(): void;
  /** Claims nothing more; resolves when the passes under way have ended, at the latest after `graceMs` (4 s): the rest is handed back. */
  stop(graceMs?: number): Promise<void>;
  /** Whether nothing is under way and nothing is due before `at` (ms) but looks at what was found in order. For tests and for draining. */
  idle(at: number): boolean;
}

/** Wait before try number `attempts` + 1: doubling, at most five minutes, half of it by chance so that failures do not come in step. */
function backoffMs(attempts: number, random: number): number {
  const full = Math.min(BACKOFF_LONGEST_MS, BACKOFF_FIRST_MS * 2 ** Math.min(attempts, 20));
  return Math.round(full / 2 + (full / 2) * random);
}

/** Claims due work and runs its reconciler, for ever. One process owns the store, so other processes' claims are from an earlier life. */
export function createLoop(options: {
  readonly store: Store;
  readonly reconcilers: readonly Reconciler[];
  readonly bootId: string;
  readonly log: Log;
  readonly now: () => number;
  /** Told of each pass that failed. */
  readonly onFailure?: (kind: WorkRow['kind']) => void;
}): Loop {
  const { store, bootId, log, now } = options;
  const reconcilers = new Map<string, Reconciler>(options.reconcilers.map((r) => [r.kind, r]));
  const running = new Set<Promise<void>>();
  /** Rows whose last pass found all as it is wanted, and when it is looked at again. */
  const settled = new Map<string, number>();
  let timer: NodeJS.Timeout | undefined;
  let scheduled = false;
  let stopped = true;

  async function pass(row: WorkRow): Promise<void> {
    try {
      const reconciler = reconcilers.get(row.kind);
      if (!reconciler) throw new Error(`there is no reconciler for "${row.kind}"`);
      const result = await reconciler.reconcile(subjectId(row));
      settled.delete(keyOf(row));
      if ('done' in result) return store.work.complete(row);
      const dueAt = now() + result.againAfterMs;
      if (result.settled) settled.set(keyOf(row), dueAt);
      store.work.again(row, dueAt);
    } catch (error) {
      const attempts = row.attempts + 1;
      const waitMs = Math.max(backoffMs(row.attempts, Math.random()), retryAfterOf(error));
      log.warn(
        { subject: row.subject, kind: row.kind, attempts, waitMs, error: messageOf(error) },
        'work failed, and is tried again',
      );
      options.onFailure?.(row.kind);
      if (!(error instanceof Error && error.name === 'GitLabError'))
        log.debug({ stack: error instanceof Error ? error.stack : undefined }, 'stack of the failure');
      handBack(row, { attempts, waitMs, error: messageOf(error).slice(0, 1000) });
    }
  }

  /** A full disk takes even this: then the row is handed back once the database can be written again. */
  function handBack(row: WorkRow, failure: { attempts: number; waitMs: number; error: string }): void {
    try {
      store.work.again(row, now() + failure.waitMs, failure);
    } catch (error) {
      // Too late: the store is closed.
      if (stopped) return;
      log.error({ subject: row.subject, kind: row.kind, error: messageOf(error) }, 'the database cannot be written');
      setTimeout(() => handBack(row, failure), UNWRITABLE_RETRY_MS).unref();
    }
  }

  function pump(): void {
    scheduled = false;
    if (stopped) return;
    clearTimeout(timer);
    try {
      claimDue();
    } catch (error) {
      log.error({ error: messageOf(error) }, 'the database cannot be written');
      timer = setTimeout(wake, UNWRITABLE_RETRY_MS);
    }
  }

  function claimDue(): void {
    while (running.size < CONCURRENCY) {
      const row = store.work.claim(now(), bootId);
      if (!row) break;
      const under = pass(row).finally(() => {
        running.delete(under);
        wake();
      });
      running.add(under);
    }
    if (running.size >= CONCURRENCY) return;
    const next = store.work.nextDueAt();
    if (next !== undefined) timer = setTimeout(wake, Math.min(LONGEST_SLEEP_MS, Math.max(1, next - now())));
  }

  // Marking happens inside transactions: what was marked is there once the current turn of the event loop has ended.
  function wake(): void {
    if (scheduled || stopped) return;
    scheduled = true;
    setImmediate(pump);
  }

  return {
    start() {
      stopped = false;
      const released = store.work.releaseOthers(bootId);
      if (released > 0) log.info({ released }, 'work of an earlier life is due again');
      store.onDue(wake);
      wake();
    },
    async stop(graceMs = DRAIN_MS) {
      stopped = true;
      clearTimeout(timer);
      const ended = Promise.allSettled([...running]);
      await Promise.race([ended, sleep(graceMs, undefined, { ref: false })]);
      // Their claims carry this life's id, so the next one takes them for due.
      if (running.size > 0) log.info({ passes: running.size }, 'work that did not end in time is handed back');
    },
    idle: (at) =>
      running.size === 0 && store.work.all().every((row) => row.dueAt > at || settled.get(keyOf(row)) === row.dueAt),
  };
}

function keyOf(row: WorkRow): string {
  return `${row.subject} ${row.kind}`;
}

function retryAfterOf(error: unknown): number {
  const ms = error instanceof Error && 'retryAfterMs' in error ? error.retryAfterMs : undefined;
  return typeof ms === 'number' ? ms : 0;
}
