import { setTimeout as sleep } from 'node:timers/promises';
import type { ServiceProcess } from '../support/service-process.ts';

/**
 * Ends a service again and again, at moments that have nothing to do with what it does, and starts it again. Most of the ends are
 * SIGKILL; some are SIGTERM, and must not take longer than they may.
 */
export class Kills {
  /** How often each signal was sent. */
  readonly counts = new Map<string, number>();
  /** Ends by SIGTERM that took longer than 10 s or ended badly. */
  readonly slow: string[] = [];
  private readonly service: ServiceProcess;
  private readonly options: KillOptions;
  private done = false;
  private running: Promise<void> = Promise.resolve();

  constructor(service: ServiceProcess, options: KillOptions) {
    this.service = service;
    this.options = options;
  }

  start(): void {
    this.done = false;
    this.running = this.run();
  }

  /** Resolves when the service is up, and stays so. */
  async stop(): Promise<void> {
    this.done = true;
    await this.running;
  }

  private async run(): Promise<void> {
    const { chance, everyMs, termPart } = this.options;
    for (;;) {
      // Short lives are as likely as long ones: most of the work is done right after a start.
      const until = Date.now() + everyMs * chance() ** 2;
      while (Date.now() < until && !this.done) await sleep(10);
      if (this.done) return;
      const signal = chance() < termPart ? 'SIGTERM' : 'SIGKILL';
      this.counts.set(signal, (this.counts.get(signal) ?? 0) + 1);
      const { ms, code } = await this.service.end(signal);
      if (signal === 'SIGTERM' && (ms > 10_000 || code !== 0))
        this.slow.push(`SIGTERM: exit code ${code} after ${Math.round(ms)} ms`);
      await sleep(chance() * 200);
      await this.service.start();
    }
  }
}

export interface KillOptions {
  /** Numbers from 0 to 1. */
  readonly chance: () => number;
  /** Longest life of a service; ms. */
  readonly everyMs: number;
  /** Part of the ends that are SIGTERM. */
  readonly termPart: number;
}
