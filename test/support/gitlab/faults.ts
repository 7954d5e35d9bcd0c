import type { Chaos } from './chaos.ts';

export type FaultAct =
  | { readonly status: number; readonly body?: unknown; readonly headers?: Readonly<Record<string, string>> }
  /** Cuts the connection before anything happens. */
  | 'close'
  /** Does what is asked, then answers 502: the client cannot know. */
  | 'after-502'
  /** Does what is asked, then cuts the connection. */
  | 'after-close'
  /** Answers late. */
  | { readonly delayMs: number }
  /**
   * Answers GETs with what the same GET answered before (a lagging replica), at most `withinMs` ago where that is given; the first
   * time nothing is there to repeat.
   */
  | { readonly staleReads: true; readonly withinMs?: number };

/** A sign-in page where JSON is expected, as a proxy in front of GitLab answers. */
export const signInPage: FaultAct = {
  status: 200,
  body: '<!DOCTYPE html><html><body>Sign in</body></html>',
  headers: { 'content-type': 'text/html; charset=utf-8' },
};

export interface Fault {
  readonly match: { readonly method?: string; readonly path?: RegExp };
  /** How many requests it meets; without it all, until `clear` or the returned function. */
  readonly times?: number;
  readonly act: FaultAct;
}

/** What goes wrong on demand. The first fault that matches a request acts. */
export class Faults {
  /** Faults by chance, for requests that no fault of `add` matches, and for webhooks. */
  chaos: Chaos | null = null;
  private entries: Array<{ fault: Fault; left: number }> = [];

  /** Returns a function that takes it back. */
  add(fault: Fault): () => void {
    const entry = { fault, left: fault.times ?? Number.POSITIVE_INFINITY };
    this.entries.push(entry);
    return () => {
      this.entries = this.entries.filter((other) => other !== entry);
    };
  }

  clear(): void {
    this.entries = [];
  }

  /** The fault that this request meets, counted as met. */
  take(method: string, path: string): FaultAct | undefined {
    const entry = this.entries.find(
      ({ fault, left }) =>
        left > 0 && (fault.match.method ?? method) === method && (fault.match.path?.test(path) ?? true),
    );
    if (!entry) return this.chaos?.request(method, path);
    entry.left -= 1;
    return entry.fault.act;
  }
}
