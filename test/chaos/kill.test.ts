import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { randomNumbers } from '../support/gitlab/chaos.ts';
import type { ServiceProcess } from '../support/service-process.ts';
import type { World } from '../support/world.ts';
import { openBuiltWorld } from './built-world.ts';
import { Jobs } from './deploy-job.ts';
import { Kills } from './kills.ts';
import type { Life } from './life.ts';
import { liveOnce } from './random-life.ts';
import { settle } from './settle.ts';

/** Fixed, so that every run has the same lives; `BD_TEST_SEED` takes another. The moments of the kills are never the same twice. */
const SEED = Number(process.env.BD_TEST_SEED ?? 20_261_124);
const LIVES = 24;
const AT_ONCE = 6;
const SWEEP_MS = 2_000;

let t: World;
let service: ServiceProcess;
let close: (() => Promise<void>) | undefined;

beforeAll(async () => {
  ({ world: t, service, close } = await openBuiltWorld({ BD_SWEEP_EVERY: `${SWEEP_MS / 1_000}s` }));
}, 120_000);
afterAll(() => close?.());

it(`is killed again and again through ${LIVES} lives, and nothing is lost, left over or doubled (seed ${SEED})`, async () => {
  const jobs = new Jobs(t);
  const kills = new Kills(service, { chance: randomNumbers(`${SEED} kills`), everyMs: 4_000, termPart: 0.15 });
  const lives: Life[] = [];
  kills.start();
  for (let first = 0; first < LIVES; first += AT_ONCE) {
    const batch = Array.from({ length: AT_ONCE }, (_, index) => {
      const branch = `life-${first + index + 1}`;
      return liveOnce(t, jobs, { branch, chance: randomNumbers(`${SEED} ${branch}`), acts: 3, pauseMs: 300 });
    });
    lives.push(...(await Promise.all(batch)));
  }
  await jobs.ended();
  await kills.stop();

  const instances = () => readdirSync(join(t.dataDir, 'instances'));
  const stage = { world: t, jobs, lives, instances, real: true, sweepMs: SWEEP_MS };
  const { findings } = await settle(stage, { timeoutMs: 120_000 });
  expect(findings, service.logLines.slice(-60).join('')).toEqual([]);
  expect(kills.slow).toEqual([]);
  expect(kills.counts.get('SIGKILL')).toBeGreaterThan(5);
}, 600_000);
