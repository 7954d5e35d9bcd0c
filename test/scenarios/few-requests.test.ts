import { afterAll, beforeAll, expect, it } from 'vitest';
import { close, type Life, makeLives, open, playStopJob, push } from '../bench/lifecycle-lives.ts';
import { rows } from '../reconcile/sweep/swept-world.ts';
import { announceMergeRequest, announcePush } from '../support/gitlab/acts/announce.ts';
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
  await until('no look at it to be due', () => rows(t, "select 1 from work where kind = 'merge-request'").length === 0);
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

  // Read for the job, and for a webhook that came before it.
  expect(pushed.length).toBeLessThanOrEqual(5);
  expect([...new Set(pushed)]).toEqual([
    'GET merge_requests/*',
    'GET pipelines/*',
    'GET repository/commits/*',
    'PUT merge_requests/*/notes/*',
  ]);
});

/** The webhooks of a push, once more and late. */
async function tellAgain(): Promise<void> {
  const [before, after] = life.commits as [string, string];
  await announcePush(t.gitlab, t.project, { branch: life.branch, before, after, user: t.dev });
  await announceMergeRequest(t.gitlab, theMergeRequest(), { action: 'update', user: t.dev, oldrev: before });
}
const theMergeRequest = () => t.gitlab.mergeRequest(t.project, 1);

it('webhooks that come after the job of their push cost nothing, and one that tells of anything else has it read', async () => {
  expect(await askedBy(tellAgain)).toEqual([]);

  const rename = (title: string) => t.gitlab.updateMergeRequest(theMergeRequest(), t.dev, { title });
  expect(await askedBy(() => rename('Another title'))).toEqual(['GET merge_requests/*']);
});

it('what a webhook tells is read again where it comes while the merge request is read: that answer may be older', async () => {
  t.gitlab.faults.add({ match: { path: /merge_requests\/1$/ }, times: 1, act: { delayMs: 2_000 } });
  const asked = await askedBy(async () => {
    const { title } = theMergeRequest();
    await t.gitlab.updateMergeRequest(theMergeRequest(), t.dev, { title: 'A third title' });
    await t.gitlab.webhooksSettled();
    await t.gitlab.updateMergeRequest(theMergeRequest(), t.dev, { title });
  });

  expect(asked).toEqual(['GET merge_requests/*', 'GET merge_requests/*']);
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

it('a close costs four, and its webhook nothing where it comes late', async () => {
  const closed = await askedBy(() => close(t, life));
  const told = await askedBy(() => announceMergeRequest(t.gitlab, theMergeRequest(), { action: 'close', user: t.dev }));

  expect(closed.length).toBeLessThanOrEqual(4);
  expect(told).toEqual([]);
  expect(t.gitlab.environment(t.project, 'review/mr-1')?.state).toBe('stopped');
  expect(t.note(1)?.body).toContain('closed');
});
