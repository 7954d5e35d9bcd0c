import { GitLabError } from '../../errors.ts';

/**
 * Lets a few questions to GitLab run at once, and the others wait in order. More than `waiting` of them are turned away: whoever sends
 * tokens at random must not make this service ask GitLab without end.
 *
 * @throws GitLabError `rate-limited`, which doors answer with 503 and Retry-After
 */
export function fewAtOnce(limits: {
  readonly running: number;
  readonly waiting: number;
}): <T>(ask: () => Promise<T>) => Promise<T> {
  const queue: Array<() => void> = [];
  let running = 0;
  return async (ask) => {
    if (running >= limits.running) {
      if (queue.length >= limits.waiting)
        throw new GitLabError('rate-limited', 'too many callers wait for an answer about their token', {
          retryAfterMs: 5_000,
        });
      // Whoever ends hands its place on, so `running` stays as it is.
      await new Promise<void>((resolve) => queue.push(resolve));
    } else running += 1;
    try {
      return await ask();
    } finally {
      const next = queue.shift();
      if (next) next();
      else running -= 1;
    }
  };
}
