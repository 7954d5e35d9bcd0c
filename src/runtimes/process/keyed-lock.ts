/** Lets one at a time pass for each key, in the order of asking. Within this service only: nobody else uses the data directory. */
export class KeyedLock {
  private readonly tails = new Map<string, Promise<void>>();

  /** Runs `work` when all earlier ones for `key` are done. Rejects with the signal's reason where that fires while it waits. */
  async run<T>(key: string, work: () => Promise<T>, options: { signal?: AbortSignal } = {}): Promise<T> {
    const before = this.tails.get(key) ?? Promise.resolve();
    let release = (): void => {};
    const mine = new Promise<void>((resolve) => {
      release = resolve;
    });
    const tail = before.then(() => mine);
    this.tails.set(key, tail);
    void tail.then(() => {
      if (this.tails.get(key) === tail) this.tails.delete(key);
    });
    try {
      await unlessAborted(before, options.signal);
      return await work();
    } finally {
      release();
    }
  }
}

/** Waits for `promise`, but not beyond the signal: then it rejects with the signal's reason. */
async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  signal.throwIfAborted();
  let abort = (): void => {};
  try {
    return await Promise.race([
      promise,
      new Promise<never>((_, reject) => {
        abort = () => reject(signal.reason);
        signal.addEventListener('abort', abort, { once: true });
      }),
    ]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
