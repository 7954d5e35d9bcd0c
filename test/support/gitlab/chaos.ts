import { type FaultAct, signInPage } from './faults.ts';

/** What can go wrong with a request. `stale` is a read that tells of a state some moments ago. */
export const REQUEST_FAULTS = [
  'delay',
  '429',
  '429 with Retry-After',
  '500',
  '502 after having acted',
  'HTML instead of JSON',
  'connection closed before acting',
  'connection closed after acting',
  'stale read',
] as const;
export type RequestFault = (typeof REQUEST_FAULTS)[number];

/** What can go wrong with a webhook. Late ones overtake nothing and are overtaken: that is the reordering. */
export const HOOK_FAULTS = ['webhook dropped', 'webhook doubled', 'webhook late'] as const;
export type HookFault = (typeof HOOK_FAULTS)[number];

export interface ChaosOptions {
  readonly seed: number;
  /** Part of the requests that something happens to, from 0 to 1; all kinds are equally likely. */
  readonly requests: number;
  /** The same for webhooks. */
  readonly hooks: number;
  /** Longest delay of an answer and of a webhook; ms. */
  readonly delayMs?: number;
  /** How old a stale read may be; ms. */
  readonly staleMs?: number;
}

/**
 * Faults by chance, and by the same chance again for the same seed: what happens to the n-th request for a path depends on the seed, the
 * path and n, so two runs differ only where the client asks something else.
 */
export class Chaos {
  /** How often each fault happened. */
  readonly injected = new Map<string, number>();
  private readonly options: Required<ChaosOptions>;
  private readonly counts = new Map<string, number>();
  private on = true;

  constructor(options: ChaosOptions) {
    this.options = { delayMs: 150, staleMs: 1_000, ...options };
  }

  /** From now on nothing happens any more. */
  stop(): void {
    this.on = false;
  }

  /** What happens to this request. */
  request(method: string, path: string): FaultAct | undefined {
    const chance = this.chances(`${method} ${path.replace(/\?.*/, '')}`);
    if (!this.on || chance() >= this.options.requests) return undefined;
    const possible = method === 'GET' ? REQUEST_FAULTS : REQUEST_FAULTS.filter((kind) => kind !== 'stale read');
    const kind = possible[Math.floor(chance() * possible.length)] as RequestFault;
    this.count(kind);
    return this.act(kind, chance);
  }

  /** What happens to this webhook: how late each copy of it is sent, in ms; none: it is lost. */
  hook(event: string): readonly number[] {
    const chance = this.chances(`hook ${event}`);
    if (!this.on || chance() >= this.options.hooks) return [0];
    const kind = HOOK_FAULTS[Math.floor(chance() * HOOK_FAULTS.length)] as HookFault;
    this.count(kind);
    const late = Math.round(chance() * this.options.delayMs * 4);
    switch (kind) {
      case 'webhook dropped':
        return [];
      case 'webhook doubled':
        return [0, late];
      case 'webhook late':
        return [late];
      default:
        return kind satisfies never;
    }
  }

  private act(kind: RequestFault, chance: () => number): FaultAct {
    switch (kind) {
      case 'delay':
        return { delayMs: Math.round(chance() * this.options.delayMs) };
      case '429':
        return { status: 429, body: 'Retry later' };
      case '429 with Retry-After':
        return { status: 429, body: 'Retry later', headers: { 'retry-after': '1' } };
      case '500':
        return { status: 500, body: { message: '500 Internal Server Error' } };
      case '502 after having acted':
        return 'after-502';
      case 'HTML instead of JSON':
        return signInPage;
      case 'connection closed before acting':
        return 'close';
      case 'connection closed after acting':
        return 'after-close';
      case 'stale read':
        return { staleReads: true, withinMs: this.options.staleMs };
      default:
        return kind satisfies never;
    }
  }

  private count(kind: string): void {
    this.injected.set(kind, (this.injected.get(kind) ?? 0) + 1);
  }

  /** Numbers from 0 to 1 for the next thing with this key. */
  private chances(key: string): () => number {
    const nth = (this.counts.get(key) ?? 0) + 1;
    this.counts.set(key, nth);
    return randomNumbers(`${this.options.seed} ${key} ${nth}`);
  }
}

/** The same numbers from 0 (included) to 1 for the same seed: FNV-1a of the seed, then mulberry32. */
export function randomNumbers(seed: string): () => number {
  let state = 0x811c9dc5;
  for (let i = 0; i < seed.length; i += 1) state = Math.imul(state ^ seed.charCodeAt(i), 0x01000193);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
