/** Waits before an optional process that ended is started again; what fails as often as this is not started any more. */
const WAITS_MS = [1_000, 2_000, 4_000, 8_000, 16_000] as const;
/** One that stayed up for so long begins to count anew. */
const STABLE_AFTER_MS = 10 * 60_000;

/** Counts the ends of an instance's optional processes. */
export class Restarts {
  private readonly ends = new Map<string, { count: number; at: number }>();

  /** A process of this part has ended: after how many ms it is started again; undefined: not any more. */
  waitMs(part: string): number | undefined {
    const now = performance.now();
    const before = this.ends.get(part);
    const count = before && now - before.at < STABLE_AFTER_MS ? before.count + 1 : 0;
    this.ends.set(part, { count, at: now });
    return WAITS_MS[count];
  }
}
