import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CiDoor } from '../scenarios/ci-door.ts';
import type { MergeRequest, Note } from '../support/gitlab/state.ts';
import { InstantRuntime } from '../support/instant-runtime.ts';
import { until } from '../support/poll.ts';
import { openWorld, startWorld, type World } from '../support/world.ts';
import { Jobs } from './deploy-job.ts';
import { type Act, Life } from './life.ts';

/** Faults that the model and the long runs have found, each on its own. */

const runtime = new InstantRuntime();
let t: World;
let jobs: Jobs;

beforeAll(async () => {
  t = await openWorld({
    pipelines: false,
    env: { BD_SWEEP_EVERY: '1s' },
    runtime,
    service: { headPatienceMs: 1_000, gitlab: { retry: { firstDelayMs: 20 } } },
  });
  jobs = new Jobs(t);
});
afterAll(() => t.close());

async function live(branch: string, ...acts: Act[]) {
  const life = new Life(t, jobs, branch);
  for (const act of acts) await life.do(act);
  const iid = life.mergeRequest?.iid as number;
  return { life, iid };
}

it('an environment that somebody stops comes back also while the newest push has failed and the one before serves', async () => {
  // What no job has brought is not waited for: a job's end would make the environment available by itself.
  const { life, iid } = await live('stopped-by-hand', 'push', 'wait for jobs', '/deploy');
  await until('the second revision', () =>
    runtime.names().some((name) => name.startsWith(`mr-${iid}-`) && name.endsWith('-r2')),
  );
  await t.settled();
  await life.do('broken push');
  await until('the note to tell of the failure', () => t.note(iid)?.body.includes('Failed'));
  const environment = await until('the environment', () => t.gitlab.environment(t.project, `review/mr-${iid}`));

  await life.do('stop environment');
  expect(environment.state).toBe('stopped');

  // No hook tells of it, and what has just changed is left alone by the sweep.
  t.clock.goOn(31_000);
  await t.service.sweep();
  await until('the environment to be back', () => environment.state === 'available');
  expect((await t.preview(t.previewUrl(iid))).body).toBe('stopped-by-hand v1');
});

it('a note whose answer is lost is not written again while GitLab reads from a copy that lags behind', async () => {
  const lists = /\/merge_requests\/\d+\/notes\?/;
  const lift = [
    t.gitlab.faults.add({ match: { method: 'POST', path: /\/notes$/ }, act: 'after-close', times: 1 }),
    t.gitlab.faults.add({ match: { method: 'GET', path: lists }, act: { staleReads: true, withinMs: 900 } }),
  ];
  const { iid } = await live('lost-answer', 'push', 'wait for jobs');
  await until('the note to be known', () => t.logLines.some((line) => line.includes(`"mergeRequest":${iid},"note":`)));
  for (const end of lift) end();

  expect(t.gitlab.notes(t.project, iid)).toHaveLength(1);
});

it('a merge that only the stop job has told of is known: the note offers no way back', async () => {
  const { life, iid } = await live('told-by-the-job', 'push', 'wait for jobs');
  const hook = t.project.hooks[0] as { events: readonly string[] | null };
  hook.events = [];
  await life.do('merge');
  await jobs.ended();

  const offers = () => t.note(iid)?.body.includes('/deploy');
  await until('the note to be that of a merged merge request', () => t.note(iid)?.body.includes('merged') && !offers());
  hook.events = null;
});

it('files that are sent once more while their merge request is merged are not kept', async () => {
  const others = t.bundles();
  const { life, iid } = await live('sent-again', 'push', 'wait for jobs');
  const mergeRequest = life.mergeRequest as MergeRequest;
  const [bundle] = t.bundles().filter((name) => !others.includes(name));
  const door = new CiDoor(t);
  const token = await door.token(door.job(door.pipeline(mergeRequest)));
  expect((await door.deploy(token, iid)).text).toContain('upload yes');
  let rest = () => {};
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(life.archive.subarray(0, 100));
      rest = () => {
        controller.enqueue(life.archive.subarray(100));
        controller.close();
      };
    },
  });
  const headers = { authorization: `Bearer ${token}`, 'bd-component': '1.0.0' };
  const sent = fetch(`${t.serviceUrl}/api/ci/v1/source`, {
    method: 'PUT',
    headers,
    body,
    duplex: 'half',
  } as RequestInit);
  await life.do('merge');
  await until('the bundle to be removed', () => !t.bundles().includes(bundle as string));
  rest();

  expect(await (await sent).text()).toContain('The merge request is merged meanwhile');
  expect(t.bundles()).not.toContain(bundle);
});

it('the unpacked code of a push that waits in the queue goes when it is closed or replaced', async () => {
  const places = new InstantRuntime();
  const world = await startWorld({ pipelines: false, runtime: places, env: { BD_MAX_RUNNING: '1' } });
  const its = new Jobs(world);
  const [first, second] = [new Life(world, its, 'first'), new Life(world, its, 'second')] as const;
  const trees = () => readdirSync(join(world.dataDir, 'bundles', 'trees')).length;
  await first.do('push');
  await first.do('wait for jobs');
  for (let pushes = 1; pushes <= 3; pushes += 1) {
    await second.do('push');
    await until('it to wait in the queue', () => world.bundles().length === pushes + 1);
  }
  await until('the newest only to be kept unpacked', () => trees() === 1);
  await second.do('close');

  await until('none to be kept unpacked', () => trees() === 0);
  await its.ended();
});

describe('a command in a comment', () => {
  const comment = async (iid: number, body: string) => (await t.gitlab.comment(t.project, iid, t.dev, body)) as Note;
  /** Runs it while no webhook arrives. */
  async function withoutHooks<T>(act: () => Promise<T>): Promise<T> {
    const hook = t.project.hooks[0] as { events: readonly string[] | null };
    hook.events = [];
    const result = await act();
    hook.events = null;
    return result;
  }
  const acknowledged = (note: Note) => until('an emoji', () => note.emojis.find((emoji) => emoji.userId === t.bot.id));
  /** The sweep looks at the count of comments, and must have seen it once. */
  const counted = (iid: number) => until('the count to be known', () => t.note(iid)).then(() => t.service.sweep());

  it('is obeyed although its webhook was lost', async () => {
    const { iid } = await live('lost-command', 'push', 'wait for jobs');
    await counted(iid);
    const note = await withoutHooks(() => comment(iid, '/undeploy'));

    expect((await acknowledged(note)).name).toBe('thumbsup');
    await until('the preview to be gone', async () => (await t.preview(t.previewUrl(iid))).status === 410);
  });

  it('is obeyed although it was written while the service was away, and the note a moment before', async () => {
    const kept = new InstantRuntime();
    const world = await startWorld({ pipelines: false, runtime: kept, env: { BD_SWEEP_EVERY: '10m' } });
    const life = new Life(world, new Jobs(world), 'away');
    for (const act of ['push', 'wait for jobs'] as const) await life.do(act);
    await until('the note', () => world.note(1));
    await world.settled();
    await world.stopService();
    const note = (await world.gitlab.comment(world.project, 1, world.dev, '/undeploy')) as Note;
    await world.gitlab.webhooksSettled();
    await world.startService();
    await world.service.sweep();

    await until('an emoji', () => note.emojis.some((emoji) => emoji.userId === world.bot.id));
    await until('the instance to be gone', () => kept.names().length === 0);
  });

  it('that is found only after a later push is not obeyed, and told so', async () => {
    const { life, iid } = await live('late-command', 'push', 'wait for jobs');
    await counted(iid);
    const lift = t.gitlab.faults.add({ match: { path: /\/notes\?/ }, act: 'close' });
    const note = await withoutHooks(() => comment(iid, '/undeploy'));
    for (const act of ['push', 'wait for jobs'] as const) await life.do(act);
    lift();

    expect((await acknowledged(note)).name).toBe('thumbsdown');
    await until('the reply', () =>
      t.gitlab.notes(t.project, iid).some(({ body }) => body.includes('This came too late')),
    );
    expect((await t.preview(t.previewUrl(iid))).body).toBe('late-command v2');
  });

  it('wins over an earlier one that is read with it', async () => {
    const { iid } = await live('two-commands', 'push', 'wait for jobs');
    const url = t.previewUrl(iid);
    t.gitlab.faults.add({ match: { path: new RegExp(`/merge_requests/${iid}$`) }, act: { delayMs: 400 }, times: 1 });
    const notes = [await comment(iid, '/deploy'), await comment(iid, '/undeploy')];
    for (const note of notes) await acknowledged(note);
    await t.settled();

    expect((await t.preview(url)).status).toBe(410);
  });
});
