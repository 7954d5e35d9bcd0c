import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Chaos, HOOK_FAULTS, REQUEST_FAULTS, randomNumbers } from '../support/gitlab/chaos.ts';
import type { ServiceProcess } from '../support/service-process.ts';
import type { World } from '../support/world.ts';
import { Jobs } from './deploy-job.ts';
import { INVARIANTS, type Inspection } from './invariants.ts';
import { Kills } from './kills.ts';
import type { Life } from './life.ts';
import { liveOnce } from './random-life.ts';
import { settle } from './settle.ts';

const LIVES_AT_ONCE = 8;
/** How long people wait for everything to be right again: GitLab's reads may lag for half a minute, and the sweep lets things settle. */
const SETTLE_MS = 150_000;
const OUTAGE_MS = 4_000;

/** Rounds of lives under chaos, each followed by a calm in which everything must come right. */
export class Rounds {
  private readonly world: World;
  private readonly service: ServiceProcess;
  private readonly seed: number;
  private readonly sweepMs: number;
  private readonly jobs: Jobs;
  private readonly lives: Life[] = [];
  private readonly injected = new Map<string, number>();
  private readonly checked = new Map<string, { times: number; broken: number }>();
  private readonly startedAt = Date.now();
  private rounds = 0;

  constructor(options: { world: World; service: ServiceProcess; seed: number; sweepMs: number }) {
    this.world = options.world;
    this.service = options.service;
    this.seed = options.seed;
    this.sweepMs = options.sweepMs;
    this.jobs = new Jobs(options.world);
  }

  /** One round; false where something did not hold. */
  async play(say: (line: string) => void): Promise<boolean> {
    this.rounds += 1;
    const chance = randomNumbers(`${this.seed} round ${this.rounds}`);
    const { faults } = this.world.gitlab;
    const intensity = [0, 0.05, 0.15, 0.3][Math.floor(chance() * 4)] as number;
    const chaos = new Chaos({ seed: Math.floor(chance() * 2 ** 31), requests: intensity, hooks: intensity });
    const kills = new Kills(this.service, { chance, everyMs: chance() < 0.2 ? 60_000 : 6_000, termPart: 0.25 });
    faults.chaos = chaos;
    kills.start();
    const outage = this.outage(chance);
    const lives = Array.from({ length: LIVES_AT_ONCE }, (_, index) => {
      const branch = `round-${this.rounds}-life-${index + 1}`;
      const lifeChance = randomNumbers(`${this.seed} ${branch}`);
      return liveOnce(this.world, this.jobs, { branch, chance: lifeChance, acts: 6, pauseMs: 600 });
    });
    this.lives.push(...(await Promise.all(lives)));
    await Promise.all([this.jobs.ended(), outage]);
    await kills.stop();
    chaos.stop();
    for (const [kind, count] of [...chaos.injected, ...kills.counts]) this.count(kind, count);
    const inspection = await this.settle();
    this.check('every SIGTERM ends the service within 10 s', kills.counts.get('SIGTERM') ?? 0, kills.slow.length);
    for (const slow of kills.slow) say(`VIOLATION ${slow}`);
    for (const { invariant, what } of inspection.findings) say(`VIOLATION ${invariant}: ${what}`);
    const seconds = Math.round((Date.now() - this.startedAt) / 1_000);
    const faultsNow = [...chaos.injected.values()].reduce((sum, count) => sum + count, 0);
    const killsNow = [...kills.counts.values()].reduce((sum, count) => sum + count, 0);
    say(
      `${seconds} s: round ${this.rounds}, ${faultsNow} faults, ${killsNow} ends, ${inspection.findings.length} violations`,
    );
    await this.endLives(chance);
    return inspection.findings.length === 0 && kills.slow.length === 0;
  }

  /** All that is open is merged or closed, and then nothing may be left. */
  async finish(say: (line: string) => void): Promise<boolean> {
    for (const life of this.lives) if (life.can('merge')) await life.do('merge');
    const inspection = await this.settle();
    for (const { invariant, what } of inspection.findings) say(`VIOLATION ${invariant}: ${what}`);
    const left = this.instances();
    this.check('no instance is left when all is merged', 1, left.length === 0 ? 0 : 1);
    return inspection.findings.length === 0 && left.length === 0;
  }

  /** What was done, and what held. */
  table(): string[] {
    const rows = (entries: ReadonlyArray<readonly [string, string | number]>) =>
      entries.map(([name, value]) => `  ${name.padEnd(60)} ${value}`);
    const kinds = [...REQUEST_FAULTS, ...HOOK_FAULTS, 'outage of GitLab', 'SIGKILL', 'SIGTERM'];
    const held = [
      ...INVARIANTS,
      'every SIGTERM ends the service within 10 s',
      'no instance is left when all is merged',
    ];
    return [
      `\n${this.rounds} rounds, ${this.lives.length} merge requests, ${this.jobs.retries} requests repeated by jobs`,
      '\nfaults injected',
      ...rows(kinds.map((kind) => [kind, this.injected.get(kind) ?? 0])),
      '\ninvariants                                                     checks, violations',
      ...rows(
        held.map((name) => {
          const { times, broken } = this.checked.get(name) ?? { times: 0, broken: 0 };
          return [name, `${times}, ${broken}`];
        }),
      ),
    ];
  }

  private async settle(): Promise<Inspection> {
    const stage = {
      world: this.world,
      jobs: this.jobs,
      lives: this.lives,
      instances: () => this.instances(),
      real: true,
      sweepMs: this.sweepMs,
    };
    const inspection = await settle(stage, { timeoutMs: SETTLE_MS });
    for (const invariant of INVARIANTS) {
      const broken = inspection.findings.filter((finding) => finding.invariant === invariant).length;
      this.check(invariant, inspection.checked.get(invariant) ?? 0, broken);
    }
    return inspection;
  }

  /** Most of what is left open ends before the next round, by whichever end comes up. */
  private async endLives(chance: () => number): Promise<void> {
    for (const hook of this.world.project.hooks) Object.assign(hook, { disabledUntil: null, consecutiveFailures: 0 });
    for (const life of this.lives) {
      const act = chance() < 0.5 ? 'merge' : 'close';
      if (life.can(act) && chance() < 0.8) await life.do(act);
    }
  }

  /** In some rounds GitLab is not there at all for a while. */
  private async outage(chance: () => number): Promise<void> {
    if (chance() < 0.6) return;
    await sleep(chance() * 5_000);
    this.count('outage of GitLab', 1);
    const lift = this.world.gitlab.faults.add({ match: {}, act: 'close' });
    await sleep(OUTAGE_MS);
    lift();
  }

  private instances(): string[] {
    return readdirSync(join(this.world.dataDir, 'instances'));
  }

  private count(kind: string, times: number): void {
    this.injected.set(kind, (this.injected.get(kind) ?? 0) + times);
  }

  private check(name: string, times: number, broken: number): void {
    const before = this.checked.get(name) ?? { times: 0, broken: 0 };
    this.checked.set(name, { times: before.times + times, broken: before.broken + broken });
  }
}
