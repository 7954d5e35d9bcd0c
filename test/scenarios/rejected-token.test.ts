import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Jobs } from '../chaos/deploy-job.ts';
import { Life } from '../chaos/life.ts';
import { InstantRuntime } from '../support/instant-runtime.ts';
import { until } from '../support/poll.ts';
import { BOT_TOKEN, openWorld, type World } from '../support/world.ts';

const LIVES = 6;
const PAUSE_MS = 800;

const runtime = new InstantRuntime();
let t: World;
let lives: Life[];

beforeAll(async () => {
  t = await openWorld({ pipelines: false, runtime, service: { gitlab: { unauthorizedPauseMs: PAUSE_MS } } });
  const jobs = new Jobs(t);
  lives = Array.from({ length: LIVES }, (_, index) => new Life(t, jobs, `branch-${index + 1}`));
  await Promise.all(lives.map((life) => life.do('push')));
  await jobs.ended();
  await until('all notes', () => lives.every(({ mergeRequest }) => mergeRequest && t.note(mergeRequest.iid)));
  // What was asked with the token is answered before it is taken away.
  await t.settled();
});
afterAll(() => t.close());

const readiness = async () => {
  const response = await fetch(`${t.serviceUrl}/readyz`);
  return { status: response.status, body: await response.json() };
};

it('a token that GitLab rejects makes no storm, is said in readyz and the log, and all goes on when GitLab takes it again', async () => {
  const from = { requests: t.gitlab.requests.length, log: t.logLines.length };
  t.bot.tokens.splice(0);
  // Much is due: all merge requests, their notes and environments, the project.
  const began = performance.now();
  for (let round = 0; round < 4; round += 1) {
    for (const life of lives) await life.do('rename');
    await t.service.sweep();
    await sleep(500);
  }
  const tookMs = performance.now() - began;

  const asked = t.gitlab.requests.slice(from.requests).filter(({ path }) => path.includes('/api/v4/'));
  expect(asked.every(({ status }) => status === 401)).toBe(true);
  // One question for each pause; at the first moment those that are under way all meet the refusal.
  expect(asked.length).toBeLessThanOrEqual(16 + tookMs / PAUSE_MS);
  t.clock.goOn(31_000);
  expect(await readiness()).toEqual({
    status: 503,
    body: { status: 'not ready', gitlab: 'it rejects the token: check BD_GITLAB_TOKEN (scope api, not expired)' },
  });
  const said = t.logLines.slice(from.log).join('');
  expect(said).toContain('give BD_GITLAB_TOKEN a valid token of the bot user with the scope \\"api\\"');
  expect(said).not.toContain(BOT_TOKEN);

  for (const life of lives) await life.do('merge');
  await t.gitlab.webhooksSettled();
  t.bot.tokens.push(BOT_TOKEN);
  // Those that could not be read are asked after every five minutes.
  t.clock.goOn(6 * 60_000);
  await t.service.sweep();
  await until('all notes to tell of the merge', () =>
    lives.every(({ mergeRequest }) => t.note(mergeRequest?.iid as number)?.body.includes('merged')),
  );
  await until('all instances to be gone', () => runtime.names().length === 0);
  expect(await readiness()).toMatchObject({ status: 200, body: { status: 'ready' } });
});
