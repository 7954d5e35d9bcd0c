import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { CiDoor } from '../scenarios/ci-door.ts';
import { makeArchive } from '../store/bundles/archives.ts';
import { randomNumbers } from '../support/gitlab/chaos.ts';
import { until } from '../support/poll.ts';
import type { ServiceProcess } from '../support/service-process.ts';
import { nodeServer, type World } from '../support/world.ts';
import { openBuiltWorld } from './built-world.ts';
import { Kills } from './kills.ts';

const SEED = Number(process.env.BD_TEST_SEED ?? 20_261_124);
const MERGE_REQUESTS = 5;
const PLACES = 2;

let t: World;
let service: ServiceProcess;
let close: (() => Promise<void>) | undefined;

beforeAll(async () => {
  ({ world: t, service, close } = await openBuiltWorld({ BD_SWEEP_EVERY: '1s', BD_MAX_RUNNING: String(PLACES) }));
}, 120_000);
afterAll(() => close?.());

it(`a queue keeps its order, and its limit, through kills at any moment (seed ${SEED})`, async () => {
  const door = new CiDoor(t);
  const line = [];
  for (let n = 1; n <= MERGE_REQUESTS; n += 1) {
    const mr = await t.openMergeRequest(`mr-${n}`, { 'README.md': String(n) });
    const token = await door.token(door.job(door.pipeline(mr)));
    await door.deploy(token, mr.iid);
    const files = [
      { path: '.branch-deployment.yml', content: 'start: exec node server.mjs\nhealth: /healthz\n' },
      { path: 'server.mjs', content: nodeServer(`app ${n}`) },
    ];
    expect((await door.upload(token, makeArchive(files))).status).toBe(200);
    line.push(mr);
  }
  const housed = () =>
    [...new Set(readdirSync(join(t.dataDir, 'instances')).map((name) => Number(/^mr-(\d+)-/.exec(name)?.[1])))].sort();
  const kills = new Kills(service, { chance: randomNumbers(`${SEED} queue`), everyMs: 1_500, termPart: 0.2 });
  kills.start();
  const seen: number[][] = [];
  for (let closed = 0; closed <= MERGE_REQUESTS - PLACES; closed += 1) {
    const expected = line.slice(closed, closed + PLACES).map(({ iid }) => iid);
    await until(
      () => `${expected} to hold the places, and not ${housed()}`,
      () => {
        seen.push(housed());
        return JSON.stringify(housed()) === JSON.stringify(expected);
      },
      120_000,
    );
    // Each state outlives a kill, however quickly it was reached.
    const killed = kills.counts.get('SIGKILL') ?? 0;
    await until('a kill', () => (kills.counts.get('SIGKILL') ?? 0) > killed, 120_000);
    const first = line[closed];
    if (first && closed < MERGE_REQUESTS - PLACES) await t.gitlab.closeMergeRequest(first, t.dev);
  }
  await kills.stop();
  // Never more than there are places, and nobody before his turn.
  expect(seen.filter((held) => held.length > PLACES)).toEqual([]);
  const turns = seen.flat().filter((iid, index, all) => all.indexOf(iid) === index);
  expect(turns).toEqual(line.map(({ iid }) => iid));
}, 600_000);
