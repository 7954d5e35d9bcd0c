const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 5 * 60_000;
/** Most instances are gone at the first try, and a second one is nobody's concern. */
const STEPS = [3, 10, 30, 100, 300, 1_000];

/** How many tries are worth telling of: the count in steps, so that a note is not edited for each of them. 0 where none is. */
export function toldTries(tries: number): number {
  return STEPS.findLast((step) => tries >= step) ?? 0;
}

/** Wait before the next try to remove something, after so many that failed; doubling, at most five minutes. */
export function stopRetryMs(tries: number): number {
  return Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(tries - 1, 20));
}
