/** Open requests by instance name: the front door counts them, and a redeploy waits for them before it stops the old instance. */
export class Traffic {
  private readonly counts = new Map<string, number>();
  private readonly lastAt = new Map<string, number>();

  /** Counts one request as open until the returned function is called (once or more often). */
  begin(instance: string, now: number): () => void {
    this.counts.set(instance, this.open(instance) + 1);
    this.lastAt.set(instance, now);
    let ended = false;
    return () => {
      if (ended) return;
      ended = true;
      const left = this.open(instance) - 1;
      if (left > 0) this.counts.set(instance, left);
      else this.counts.delete(instance);
    };
  }

  /** How many requests of this instance have not ended. */
  open(instance: string): number {
    return this.counts.get(instance) ?? 0;
  }

  /** When the instance was last asked for something: ms since the epoch. */
  lastRequestAt(instance: string): number | undefined {
    return this.lastAt.get(instance);
  }

  /** Drops what is known of an instance that is gone. */
  forget(instance: string): void {
    this.counts.delete(instance);
    this.lastAt.delete(instance);
  }
}
