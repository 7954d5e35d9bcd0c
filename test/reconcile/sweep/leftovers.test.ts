import { existsSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { nodeServer } from '../../support/projects.ts';
import { openWorld, type World } from '../../support/world.ts';
import { deployed, repairs, rows } from './swept-world.ts';

let t: World;

beforeAll(async () => {
  t = await openWorld({ pipelines: false });
});
afterAll(() => t.close());

const HOURS_AGO = (Date.now() - 2 * 3_600_000) / 1000;

/** A file below the data folder, as old as is said. */
function leave(path: string, age: 'old' | 'new'): string {
  const whole = join(t.dataDir, path);
  mkdirSync(dirname(whole), { recursive: true });
  writeFileSync(whole, 'left');
  if (age === 'old') for (const one of [whole, dirname(whole)]) utimesSync(one, HOURS_AGO, HOURS_AGO);
  return whole;
}

it('removes what nobody wants, says so, and leaves what is new or wanted', async () => {
  const mr = await deployed(t, 'kept', { path: 'server.mjs', content: nodeServer('kept') });
  await t.settled();
  const wanted = t.instances();
  const [{ name, revision }] = rows<{ name: string; revision: number }>(
    t,
    'select name, live_revision_id as revision from deployments',
  ) as [{ name: string; revision: number }];
  const digest = (letter: string) => letter.repeat(64);
  const gone = [
    leave(`bundles/${digest('a')}.tar.gz`, 'old'),
    leave(`bundles/trees/${digest('a')}-left/file`, 'old'),
    leave('bundles/incoming/half.tar.gz', 'old'),
    leave('logs/99999.log', 'old'),
    leave('bases/unpacked/etl.py', 'new'),
    leave('instances/mr-9-shop-bcdfghjk-r1/tree/server.mjs', 'old'),
    leave('deployments/mr-9-shop-bcdfghjk/data', 'old'),
  ];
  const kept = [
    leave(`bundles/${digest('b')}.tar.gz`, 'new'),
    leave(`bundles/trees/${digest('b')}-new/file`, 'new'),
    leave('bundles/incoming/new.tar.gz', 'new'),
    leave(`deployments/${name}/data`, 'old'),
    join(t.dataDir, 'logs', `${revision}.log`),
    ...t.bundles().map((bundle) => join(t.dataDir, 'bundles', bundle)),
  ].filter((path) => !path.includes(digest('a')));

  await t.service.sweep();
  expect(gone.filter((path) => existsSync(path))).toEqual([]);
  expect(kept.filter((path) => !existsSync(path))).toEqual([]);
  expect(t.instances()).toEqual(wanted);
  expect(readdirSync(join(t.dataDir, 'deployments'))).toEqual([name]);
  expect(repairs(t).sort()).toEqual([
    'The bundle aaaaaaaaaaaa was there, though no revision has it: removed.',
    'The data folder of mr-9-shop-bcdfghjk was there, though no deployment has it: removed.',
    'The files of a base were there as unpacked, though nothing is compared with them: removed.',
    'The instance mr-9-shop-bcdfghjk-r1 was there, though no revision has it: removed.',
    'The log 99999 was there, though no revision has it: removed.',
    `${digest('a')}-left was left by an upload that nobody waits for: removed.`,
    'half.tar.gz was left by an upload that nobody waits for: removed.',
  ]);

  await t.gitlab.mergeMergeRequest(mr, t.dev);
  await t.settled();
  leave(`deployments/${name}/late`, 'old');
  await t.service.sweep();
  await t.settled();
  expect(readdirSync(join(t.dataDir, 'deployments'))).toEqual([]);
  expect(repairs(t).at(-1)).toBe(`The data folder of ${name} was there, though the deployment is stopped: removed.`);
  const before = repairs(t).length;
  await t.service.sweep();
  expect(repairs(t)).toHaveLength(before);
});

it('an upload that a killed service had not decided on goes with the first sweep of the next', async () => {
  await t.stopService();
  const undecided = leave(`bundles/${'c'.repeat(64)}.tar.gz`, 'new');
  await t.startService();
  await t.service.sweep();

  expect(existsSync(undecided)).toBe(false);
  expect(repairs(t).at(-1)).toBe('The bundle cccccccccccc was there, though no revision has it: removed.');
});
