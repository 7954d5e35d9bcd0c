import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeArchive } from '../store/bundles/archives.ts';
import type { MergeRequest, Project } from '../support/gitlab/state.ts';
import { ANSWER_FILE, InstantRuntime } from '../support/instant-runtime.ts';
import { until } from '../support/poll.ts';
import { openWorld, SIGNING_TOKEN, type World } from '../support/world.ts';
import { CiDoor } from './ci-door.ts';

const runtime = new InstantRuntime();
let t: World;
let door: CiDoor;

beforeAll(async () => {
  t = await openWorld({ pipelines: false, runtime, env: { BD_MAX_RUNNING: '2' } });
  door = new CiDoor(t);
});
afterAll(() => t.close());

const archive = (answer: string) =>
  makeArchive([
    { path: '.branch-deployment.yml', content: 'start: x\n' },
    { path: ANSWER_FILE, content: answer },
  ]);

interface Sent {
  readonly mr: MergeRequest;
  readonly token: string;
  readonly url: string;
}

async function send(mr: MergeRequest, answer: string, options: { timeout?: string; project?: Project } = {}) {
  const token = await door.token(door.job(door.pipeline(mr, options.project ? { project: options.project } : {})));
  const begun = await door.deploy(token, mr.iid, options.timeout === undefined ? {} : { timeout: options.timeout });
  const url = /^url (\S+)/m.exec(begun.text)?.[1] as string;
  await door.upload(token, archive(answer));
  return { mr, token, url } satisfies Sent;
}

const open = (branch: string) => t.openMergeRequest(branch, { 'README.md': branch });
const outcome = async ({ token }: Sent) => (await door.call('GET', 'outcome', { token })).text;
const log = async ({ token }: Sent) => (await door.call('GET', 'log', { token })).text;
const serves = (sent: Sent, answer: string) =>
  until(`${sent.url} to answer ${answer}`, async () => (await t.preview(sent.url)).body === answer, 10_000);
/** The queue's news come after 10 s: the clock goes on, and any webhook has the service look at what is due. */
async function later(): Promise<void> {
  t.clock.goOn(11_000);
  await t.gitlab.updateMergeRequest(t.gitlab.mergeRequest(t.project, 1), t.dev, { title: `At ${t.clock.now()}` });
}

/** Whatever happened may take a moment to reach the service, and its news come 10 s after that. */
async function inTime(what: () => string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await holds()); tries += 1) {
    if (tries === 20) throw new Error(`in vain: ${what()}`);
    await later();
    await until(what, holds, 500).catch(() => undefined);
  }
}

const noteSays = (sent: Sent, text: string) =>
  inTime(
    () => `the note of !${sent.mr.iid} to say "${text}":\n${t.note(sent.mr.iid)?.body}`,
    () => t.note(sent.mr.iid)?.body.includes(text) === true,
  );

const close = (sent: Sent) => t.gitlab.closeMergeRequest(sent.mr, t.dev);
/** Deployments with an instance, by merge request. */
const housed = async () =>
  [...new Set((await runtime.list()).map((name) => Number(/^mr-(\d+)-/.exec(name)?.[1])))].sort((a, b) => a - b);
const housedAre = (...iids: number[]) =>
  until(`${iids} to hold the places`, async () => JSON.stringify(await housed()) === JSON.stringify(iids), 10_000);

describe('with two places', () => {
  let first: Sent;
  let second: Sent;
  let third: Sent;
  let fourth: Sent;

  it('the third and the fourth wait, and log and note say for whom', async () => {
    first = await send(await open('first'), 'first');
    second = await send(await open('second'), 'second');
    await serves(first, 'first');
    await serves(second, 'second');
    third = await send(await open('third'), 'third');
    fourth = await send(await open('fourth'), 'fourth', { timeout: '3s' });

    await noteSays(third, '🕐 Queued<br>place 1 in the queue');
    await noteSays(fourth, 'waits for a place (number 2 in the queue). All 2 places are taken by !1, !2. ');
    expect(await housed()).toEqual([1, 2]);
    expect((await t.preview(third.url)).body).toContain('It waits for a place');
  });

  it('a job ends with 75 when its timeout is over in the queue, says so, and keeps the place', async () => {
    expect(await log(fourth)).toBe(
      '==> Waiting for a place: number 2 in the queue. All 2 places are taken by !1, !2.\n',
    );
    expect(await outcome(fourth)).toMatch(
      /^url \S+\nsay The place in the queue was not reached within 3\.0 s\. The place is kept: .*\nexit 75\n$/,
    );
    // Its neighbour has the default, a quarter of an hour.
    expect(await outcome(third)).not.toContain('exit');
    expect(await housed()).toEqual([1, 2]);
  });

  it('a job that is run again attaches to the revision that waits, and waits anew', async () => {
    const again = await door.token(door.job(door.pipeline(fourth.mr)));
    await door.deploy(again, fourth.mr.iid, { timeout: '3s' });
    const answer = await door.upload(again, archive('fourth'));
    expect(answer.text).toContain('say The same files of the same commit are queued already (revision 1).');
    expect(answer.text).not.toContain('exit');
    fourth = { ...fourth, token: again };
    expect(await outcome(fourth)).not.toContain('exit');
  });

  it('one that runs is redeployed at once, beside itself', async () => {
    await send(first.mr, 'first again');
    await serves(first, 'first again');
    await housedAre(1, 2);
    expect(await outcome(third)).not.toContain('exit');
  });

  it('a newer push keeps the place in the queue, and the older job ends well', async () => {
    const older = third;
    third = await send(third.mr, 'third, pushed again');
    await until('the older job to end', async () => (await outcome(older)).includes('exit 0'));
    await noteSays(third, 'place 1 in the queue');
    await noteSays(fourth, 'place 2 in the queue');
  });

  it('a place that becomes free goes to the first in line, and the next one moves up', async () => {
    await close(first);
    await serves(third, 'third, pushed again');
    await until('its job to end', async () => (await outcome(third)).includes('exit 0'));
    await housedAre(2, 3);
    await noteSays(fourth, 'waits for a place (number 1 in the queue). All 2 places are taken by !2, !3. ');
    await inTime(
      () => 'its log to say so',
      async () => (await log(fourth)).includes('number 1 in the queue'),
    );
    expect(await log(fourth)).toMatch(
      /taken by !1, !2\.\n==> .* number 1 in the queue\. All 2 places are taken by !2, !3\.\n/,
    );
  });

  it('somebody who does not wait any more leaves the queue to the others', async () => {
    const fifth = await send(await open('fifth'), 'fifth');
    await noteSays(fifth, 'place 2 in the queue');
    await close(fourth);
    await noteSays(fifth, 'place 1 in the queue');
    expect(await outcome(fourth)).toMatch(/exit 0\n$/);
    await close(second);
    await serves(fifth, 'fifth');
    await housedAre(3, 5);
    await close(fifth);
    await housedAre(3);
  });

  it('a reopened one waits at the end of the queue', async () => {
    await t.gitlab.reopenMergeRequest(first.mr, t.dev);
    await serves(first, 'first again');
    const sixth = await send(await open('sixth'), 'sixth');
    await t.gitlab.reopenMergeRequest(fourth.mr, t.dev);
    await t.gitlab.reopenMergeRequest(second.mr, t.dev);
    await noteSays(sixth, 'place 1 in the queue');
    await noteSays(second, 'place 2 in the queue');
    // It never was healthy, so there is nothing that its reopening could bring back.
    expect(t.note(fourth.mr.iid)?.body).toContain('Stopped');
    await close(sixth);
    await close(second);
    await housedAre(1, 3);
  });

  it('a crash of an instance that serves does not cost its place', async () => {
    const waiting = await send(await open('seventh'), 'seventh');
    await noteSays(waiting, 'place 1 in the queue');
    const [name] = (await runtime.list()).filter((one) => one.startsWith('mr-1-'));
    const starts = runtime.starts;
    await runtime.stop(name as string);
    await inTime(
      () => 'it to be started again',
      () => runtime.starts === starts + 1,
    );
    await serves(first, 'first again');
    await housedAre(1, 3);
    expect(await outcome(waiting)).not.toContain('exit');
  });

  it('merge requests of other projects are counted and not named', async () => {
    const other = await t.gitlab.addProject({ path: 'data/hidden' });
    t.gitlab.addMember(other, t.bot, 30);
    t.gitlab.addHook(other, { url: `${t.serviceUrl}/webhooks/gitlab`, signingToken: SIGNING_TOKEN });
    await t.gitlab.push(other, 'x', { files: { 'README.md': 'x' }, author: t.dev });
    const mr = await t.gitlab.openMergeRequest(other, { sourceBranch: 'x', author: t.dev });
    await send(mr, 'hidden', { project: other });
    const note = () => t.gitlab.notes(other, mr.iid).find(({ body }) => body.includes('place 2 in the queue'))?.body;
    await inTime(
      () => 'its note',
      () => note() !== undefined,
    );
    expect(note()).toContain('All 2 places are taken by 2 of other projects. ');
    expect(note()).not.toMatch(/!\d/);
    await t.gitlab.closeMergeRequest(mr, t.dev);
  });

  it('the queue outlives the service, and more places are taken as soon as it has them', async () => {
    const seventh = t.gitlab.mergeRequest(t.project, 7);
    const eighth = await send(await open('eighth'), 'eighth');
    await noteSays(eighth, 'place 2 in the queue');
    await t.stopService();
    await t.startService();
    await housedAre(1, 3);
    await t.stopService();
    await t.startService({ BD_MAX_RUNNING: '3' });
    await housedAre(1, 3, seventh.iid);
    await noteSays(eighth, 'place 1 in the queue');
    expect(await housed()).not.toContain(eighth.mr.iid);
  });
});
