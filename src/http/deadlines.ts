/** Something that has to end in time. */
export interface Deadline {
  readonly at: number;
  readonly onLate: () => void;
}

export interface Deadlines {
  /** @param onLate called once where `end` was not called in time */
  begin(onLate: () => void): Deadline;
  end(deadline: Deadline): void;
}

/**
 * Deadlines of equal length that share one timer: for what is short and frequent, a timer for each costs more than all that it watches.
 * @param withinMs from the beginning of each
 */
export function createDeadlines(withinMs: number): Deadlines {
  // A Set keeps the order of insertion: the first is due first.
  const running = new Set<Deadline>();
  let timer: NodeJS.Timeout | undefined;

  function setTimer(): void {
    const [first] = running;
    timer = first && setTimeout(callLate, Math.max(1, first.at - performance.now()));
    timer?.unref();
  }

  function callLate(): void {
    const now = performance.now();
    for (const deadline of running) {
      if (deadline.at > now) break;
      running.delete(deadline);
      deadline.onLate();
    }
    setTimer();
  }

  return {
    begin(onLate) {
      const deadline = { at: performance.now() + withinMs, onLate };
      running.add(deadline);
      // It stays set when all have ended: the next ones come sooner than it runs.
      if (timer === undefined) setTimer();
      return deadline;
    },
    end: (deadline) => void running.delete(deadline),
  };
}
