import { messageOf } from '../../errors.ts';
import type { Log } from '../../log.ts';
import type { Store } from '../../store/store.ts';
import { ofProject } from '../reconciler.ts';
import type { Turns } from './turns.ts';

/** Something of this machine that is compared with what the database wants. Repeating it is safe; a failure leaves it to the next time. */
export interface LocalLook {
  readonly name: string;
  /** How often, at most; ms. 0: every round. */
  readonly everyMs: number;
  /** @param signal ends it early, between two steps */
  run(signal: AbortSignal): Promise<void>;
}

export interface Sweep {
  /** Begins with a round now, beside everything else. */
  start(): void;
  /** Resolves when the round under way has ended. */
  stop(): Promise<void>;
  /** One whole round of all looks, now and not spread over the period. */
  once(): Promise<void>;
}

/**
 * Compares everything with what is wanted, at a slow, jittered pace, so that a lost webhook costs minutes and nothing is orphaned. A round
 * marks each project's look at GitLab as work, at a time of its own within the period, and looks at this machine itself. One round at a
 * time: a period that is shorter than the work does not pile up.
 */
export function createSweep(options: {
  readonly store: Store;
  readonly looks: readonly LocalLook[];
  readonly turns: Turns;
  readonly everyMs: number;
  readonly log: Log;
  readonly now: () => number;
}): Sweep {
  const { store, looks, turns, everyMs, log, now } = options;
  const ending = new AbortController();
  const lookedAt = new Map<string, number>();
  let running: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;

  async function round({ whole }: { readonly whole: boolean }): Promise<void> {
    await attempt('projects', () => mark(whole ? 0 : everyMs, whole));
    for (const look of looks) {
      if (ending.signal.aborted) return;
      if (!whole && now() - (lookedAt.get(look.name) ?? Number.NEGATIVE_INFINITY) < look.everyMs) continue;
      await attempt(look.name, async () => {
        await look.run(ending.signal);
        lookedAt.set(look.name, now());
      });
    }
  }

  function mark(spreadMs: number, whole: boolean): void {
    store.transaction(() => {
      for (const id of store.deployments.projects()) {
        turns.next(id, { whole, spreadMs });
        store.work.mark(ofProject(id), 'project', now() + Math.random() * spreadMs);
      }
      // Every deployment that is not stopped has such a row, unless somebody meddled with the database.
      store.work.markForgotten(now(), spreadMs);
    });
  }

  /** One look that fails must not keep the others from theirs. */
  async function attempt(look: string, act: () => void | Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      if (!ending.signal.aborted) log.error({ look, error: messageOf(error) }, 'a look of the sweep failed');
    }
  }

  async function begin(round: () => Promise<void>): Promise<void> {
    while (running) await running;
    if (ending.signal.aborted) return;
    running = round().finally(() => {
      running = undefined;
    });
    await running;
  }

  function plan(afterMs: number): void {
    timer = setTimeout(() => {
      void begin(() => round({ whole: false })).then(() => {
        // Jittered: several services of one GitLab do not keep step.
        if (!ending.signal.aborted) plan(everyMs * (0.9 + Math.random() * 0.2));
      });
    }, afterMs);
    timer.unref();
  }

  return {
    start: () => plan(0),
    async stop() {
      ending.abort();
      clearTimeout(timer);
      await running;
    },
    once: () => begin(() => round({ whole: true })),
  };
}
