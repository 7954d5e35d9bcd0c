/** After a failure the same failure is answered for this long: tokens that nobody can check must not become requests to GitLab. */
const FAILURE_MS = 5_000;

/** Makes a read that happens once, however many wait for it, and is kept; a failed one is repeated, though not at once. */
export function readOnce<T>(read: () => Promise<T>, now: () => number): () => Promise<T> {
  let current: Promise<T> | undefined;
  let failedAt = Number.NEGATIVE_INFINITY;
  let failed = false;
  return () => {
    if (current === undefined || (failed && now() - failedAt >= FAILURE_MS)) {
      failed = false;
      current = read();
      current.catch(() => {
        failed = true;
        failedAt = now();
      });
    }
    return current;
  };
}
