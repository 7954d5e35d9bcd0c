import { afterAll, beforeAll, expect, it } from 'vitest';
import { close, type Life, makeLives, open, playStopJob, push } from '../bench/lifecycle-lives.ts';
import { InstantRuntime } from '../support/instant-runtime.ts';
import { until } from '../support/poll.ts';
import { openWorld, type World } from '../support/world.ts';

const runtime = new InstantRuntime();
let t: World;
let life: Life;

beforeAll(async () => {
  t = await openWorld({ pipelines: false, runtime, files: { 'README.md': '' }, env: { BD_SWEEP_EVERY: '1d' } });
  [life] = (await makeLives(t, 1, 2)) as [Life];
  t.gitlab.onPlayStopJob = (environment) => playStopJob(t, environment);
});
afterAll(() => t.close());

/** What a step makes the service ask of GitLab's API, in short. */
async function askedBy(step: () => Promise<void>): Promise<string[]> {
  const from = t.gitlab.requests.length;
  await step();
  await t.settled();
  await until('nothing is due soon', () => t.service.idle(Date.now() + 3_000));
  return t.gitlab.requests
    .slice(from)
    .filter(({ path }) => path.includes('/api/v4/'))
    .map(
      ({ method, path }) =>
        `${method} ${path.replace(/^.*?\/projects\/\d+\/?|\?.*$/g, '').replace(/\w{40}|\d+/g, '*')}`,
    )
    .sort();
}

it('a push costs five requests to GitLab at most, one of them a write', async () => {
  const opened = await askedBy(() => open(t, life));
  const whose = ['GET ', 'GET members/all/*', 'GET user'];
  expect(opened.filter((one) => !whose.some((prefix) => one === prefix || one.endsWith('/user')))).toEqual([
    'GET merge_requests/*',
    'GET merge_requests/*/notes',
    'GET pipelines/*',
    'GET repository/commits/*',
    'POST merge_requests/*/notes',
  ]);

  const pushed = await askedBy(() => push(t, life, 1));

  expect(pushed).toEqual([
    'GET merge_requests/*',
    'GET merge_requests/*',
    'GET pipelines/*',
    'GET repository/commits/*',
    'PUT merge_requests/*/notes/*',
  ]);
});

it('the environment is not asked for after a job that left it right, and is after one that left it wrong', async () => {
  const environment = t.gitlab.environment(t.project, 'review/mr-1');
  const right = environment?.externalUrl;
  const pipeline = t.gitlab.pipelines(t.project)[0];
  const job = t.gitlab.addJob(pipeline as never, { name: 'other', stage: 'x', environmentName: 'review/mr-1' });

  const ending = (externalUrl: string) => async () =>
    t.gitlab.finishDeployment(t.gitlab.startDeployment(job, {}), 'success', { externalUrl });

  expect(await askedBy(ending(right ?? ''))).toEqual([]);
  expect(await askedBy(ending('https://elsewhere.example'))).toEqual(['GET environments', 'PUT environments/*']);
  expect(environment?.externalUrl).toBe(right);
});

it('a close costs four', async () => {
  const closed = await askedBy(() => close(t, life));

  expect(closed.length).toBeLessThanOrEqual(4);
  expect(t.gitlab.environment(t.project, 'review/mr-1')?.state).toBe('stopped');
  expect(t.note(1)?.body).toContain('closed');
});
