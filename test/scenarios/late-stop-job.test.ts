import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { JOB_ENDS_MS } from '../../src/deployment/job-end.ts';
import { makeArchive } from '../store/bundles/archives.ts';
import type { Job, MergeRequest, Pipeline } from '../support/gitlab/state.ts';
import { ANSWER_FILE, InstantRuntime } from '../support/instant-runtime.ts';
import { until } from '../support/poll.ts';
import { BOT_TOKEN, openWorld, type World } from '../support/world.ts';
import { CiDoor } from './ci-door.ts';

const runtime = new InstantRuntime();
let t: World;
let door: CiDoor;

beforeAll(async () => {
  t = await openWorld({ pipelines: false, runtime });
  door = new CiDoor(t);
});
afterAll(() => t.close());

interface Deployed {
  readonly mr: MergeRequest;
  readonly pipeline: Pipeline;
  readonly url: string;
}

async function deployed(branch: string): Promise<Deployed> {
  const mr = await t.openMergeRequest(branch, { 'README.md': branch });
  const pipeline = door.pipeline(mr);
  const job = door.job(pipeline);
  const deployment = t.gitlab.startDeployment(job, { onStop: 'branch-deployment:stop' });
  const archive = makeArchive([
    { path: '.branch-deployment.yml', content: 'start: node server.mjs\n' },
    { path: ANSWER_FILE, content: branch },
  ]);
  const { url, exit } = await door.play(job, mr.iid, archive);
  expect(exit).toBe('0');
  t.gitlab.finishDeployment(deployment, 'success', { externalUrl: url });
  await t.settled();
  expect((await t.preview(url)).body).toBe(branch);
  return { mr, pipeline, url };
}

/** GitLab's hooks wait while this happens, a second after each other; whoever is told later is told of the last only. */
async function untold(...acts: Array<() => Promise<unknown>>): Promise<void> {
  const hook = t.project.hooks[0] as { events: readonly string[] | null };
  hook.events = [];
  for (const act of acts) {
    t.clock.goOn(1_000);
    await act();
  }
  t.clock.goOn(1_000);
  await t.settled();
  hook.events = null;
}

/** A stop job that is queued now, and that a runner takes at once. */
function queueStopJob({ pipeline }: Deployed): Job {
  const job = door.job(pipeline, { name: 'branch-deployment:stop', environmentAction: 'stop' });
  job.startedAt = t.gitlab.time();
  job.queuedSeconds = 0;
  return job;
}

const environmentOf = ({ mr }: Deployed) => t.gitlab.environment(t.project, `review/mr-${mr.iid}`);
const instancesOf = ({ mr }: Deployed) => runtime.names().filter((name) => name.startsWith(`mr-${mr.iid}-`));

/** What the component's job does, and what GitLab does at its end. */
async function runStopJob(on: Deployed, job: Job): Promise<string> {
  const { text } = await door.stop(await door.token(job), on.mr.iid);
  t.gitlab.environmentStopped(environmentOf(on) as NonNullable<ReturnType<typeof environmentOf>>);
  return text;
}

/** Has the merge request read anew. */
async function hint({ mr }: Deployed): Promise<void> {
  await t.gitlab.updateMergeRequest(mr, t.dev, { title: `${mr.title}, again` });
  await t.settled();
}

describe('a stop job that GitLab played for a close', () => {
  it('does nothing where the reopen came before anybody told of the close', async () => {
    const on = await deployed('told-late');
    let stop = {} as Job;
    await untold(
      () => t.gitlab.closeMergeRequest(on.mr, t.dev),
      async () => (stop = queueStopJob(on)),
      () => t.gitlab.reopenMergeRequest(on.mr, t.dev),
    );

    expect(await runStopJob(on, stop)).toContain('say The merge request was reopened after this stop job was queued');
    await hint(on);

    expect((await t.preview(on.url)).body).toBe('told-late');
    expect(instancesOf(on)).toEqual([expect.stringMatching(/-r1$/)]);
    t.clock.goOn(JOB_ENDS_MS);
    await hint(on);
    await until('the environment to be available again', () => environmentOf(on)?.state === 'available');
  });

  it('is not taken for a person where GitLab shows the merge request as it was before the close', async () => {
    const on = await deployed('shown-late');
    let stop = {} as Job;
    await untold(
      () => t.gitlab.closeMergeRequest(on.mr, t.dev),
      async () => (stop = queueStopJob(on)),
    );
    const path = new RegExp(`/merge_requests/${on.mr.iid}$`);
    t.gitlab.faults.add({ match: { method: 'GET', path }, act: { staleReads: true }, times: 1 });

    expect(await runStopJob(on, stop)).toContain('say The branch deployment is being removed.');
    await until('it to be gone', () => instancesOf(on).length === 0);
    await hint(on);
    expect(t.note(on.mr.iid)?.body).toContain('closed');

    await t.gitlab.reopenMergeRequest(on.mr, t.dev);
    await t.settled();
    expect((await t.preview(on.url)).body).toBe('shown-late');
  });
});

it('a reopen is not lost where GitLab shows the merge request as closed for a moment longer', async () => {
  const on = await deployed('closed-longer');
  const path = `/merge_requests/${on.mr.iid}`;
  let stop = {} as Job;
  await untold(
    () => t.gitlab.closeMergeRequest(on.mr, t.dev),
    async () => (stop = queueStopJob(on)),
  );
  // What a copy of GitLab's shows from then on.
  const shown = await fetch(`${t.gitlab.url}/api/v4/projects/${t.project.id}${path}`, {
    headers: { 'private-token': BOT_TOKEN },
  });
  expect(await shown.json()).toMatchObject({ state: 'closed' });
  await t.gitlab.reopenMergeRequest(on.mr, t.dev);
  await t.settled();
  const fault = { match: { method: 'GET', path: new RegExp(`${path}$`) }, act: { staleReads: true } } as const;
  const catchUp = t.gitlab.faults.add(fault);
  await t.clock.stoppedFor(async () => {
    expect(await runStopJob(on, stop)).toContain('say The branch deployment is being removed.');
    await until('all that follows at once to be done', () => t.service.idle(t.clock.now()));
  });
  catchUp();

  await until('the preview to be back', async () => (await t.preview(on.url)).body === 'closed-longer');
  expect(instancesOf(on)).toEqual([expect.stringMatching(/-r2$/)]);
});

it('a person who stops it after the reopen is obeyed, and it stays down', async () => {
  const on = await deployed('pressed');
  let stop = {} as Job;
  await untold(
    () => t.gitlab.closeMergeRequest(on.mr, t.dev),
    () => t.gitlab.reopenMergeRequest(on.mr, t.dev),
    async () => (stop = queueStopJob(on)),
  );

  expect(await runStopJob(on, stop)).toContain('say The branch deployment is being removed.');
  await hint(on);

  expect((await t.preview(on.url)).status).toBe(410);
  expect(instancesOf(on)).toEqual([]);
});
