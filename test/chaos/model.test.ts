import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Chaos } from '../support/gitlab/chaos.ts';
import { InstantRuntime } from '../support/instant-runtime.ts';
import { openWorld, type World } from '../support/world.ts';
import { Jobs } from './deploy-job.ts';
import { type Act, Life } from './life.ts';
import { settle } from './settle.ts';

/** Fixed, so that every run of the tests is the same one; `BD_TEST_SEED` takes another. */
const SEED = Number(process.env.BD_TEST_SEED ?? 20_261_124);
const RUNS = Number(process.env.BD_TEST_RUNS ?? 5);
const LIVES = 3;
const SWEEP_MS = 1_000;

const runtime = new InstantRuntime();
let t: World;
let jobs: Jobs;
/** Those of all runs: what happens later must not disturb them. */
const lives: Life[] = [];

beforeAll(async () => {
  t = await openWorld({
    pipelines: false,
    env: { BD_SWEEP_EVERY: `${SWEEP_MS / 1_000}s` },
    runtime,
    service: { gitlab: { retry: { firstDelayMs: 50, requestTimeoutMs: 2_000 } } },
  });
  jobs = new Jobs(t);
});
afterAll(() => t.close());

/** How likely people do what. */
const WEIGHTS: Readonly<Record<Act, number>> = {
  push: 8,
  'broken push': 1,
  'retry job': 2,
  close: 3,
  reopen: 4,
  merge: 1,
  '/undeploy': 2,
  '/deploy': 2,
  'delete note': 1,
  'stop environment': 1,
  rename: 1,
  'wait for jobs': 4,
};

class ActOfLife implements fc.AsyncCommand<readonly Life[], World> {
  private readonly of: number;
  private readonly act: Act;
  private readonly pauseMs: number;
  constructor(of: number, act: Act, pauseMs: number) {
    this.of = of;
    this.act = act;
    this.pauseMs = pauseMs;
  }
  check = (model: readonly Life[]) => model[this.of]?.can(this.act) ?? false;
  async run(model: readonly Life[]): Promise<void> {
    await new Promise((done) => setTimeout(done, this.pauseMs));
    await model[this.of]?.do(this.act);
  }
  toString = () => `!${this.of + 1} ${this.act} after ${this.pauseMs} ms`;
}

const acts = (Object.keys(WEIGHTS) as Act[]).map((act) => ({
  weight: WEIGHTS[act],
  arbitrary: fc
    .tuple(fc.nat(LIVES - 1), fc.constantFrom(0, 0, 30, 150))
    .map(([of, pauseMs]) => new ActOfLife(of, act, pauseMs)),
}));

it('whatever people do and GitLab gets wrong, the end is that of the calm run', { timeout: 600_000 }, async () => {
  let round = 0;
  const stories = fc.tuple(
    fc.constantFrom(0, 0.1, 0.25),
    fc.nat(),
    fc.array(fc.oneof(...acts), { minLength: 25, maxLength: 35 }),
  );
  const everyStory = fc.asyncProperty(stories, async ([intensity, chaosSeed, commands]) => {
    round += 1;
    const own = Array.from({ length: LIVES }, (_, index) => new Life(t, jobs, `run${round}-mr${index + 1}`));
    lives.push(...own);
    const chaos = new Chaos({ seed: chaosSeed, requests: intensity, hooks: intensity });
    t.gitlab.faults.chaos = chaos;
    for (const command of commands) if (command.check(own)) await command.run(own);
    chaos.stop();
    const stage = {
      ...{ world: t, jobs, lives, instances: () => runtime.names(), real: false, sweepMs: SWEEP_MS },
      async letTimePass() {
        t.clock.goOn(60_000);
        await t.service.sweep();
      },
    };
    const { findings } = await settle(stage, { timeoutMs: 120_000 });
    expect(findings, t.logLines.slice(-60).join('')).toEqual([]);
  });
  // The first failure is told as it is: a story that is cut down has other timings, and is another story.
  await fc.assert(everyStory, { seed: SEED, numRuns: RUNS, endOnFailure: true, verbose: fc.VerbosityLevel.Verbose });
});
