import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { rows, unheard } from '../reconcile/sweep/swept-world.ts';
import type { JobStatus, MergeRequest } from '../support/gitlab/state.ts';
import { InstantRuntime } from '../support/instant-runtime.ts';
import { until } from '../support/poll.ts';
import { openWorld, type World } from '../support/world.ts';
import { CiDoor } from './ci-door.ts';
import { closeAll, deploy, seen } from './live.ts';

const runtime = new InstantRuntime();
let t: World;
let door: CiDoor;

beforeAll(async () => {
  t = await openWorld({ pipelines: false, runtime });
  door = new CiDoor(t);
});
afterAll(() => t.close());
afterEach(() => closeAll(t, runtime));

let branches = 0;
async function live() {
  const branch = `older-${++branches}`;
  const mr = await t.openMergeRequest(branch, { 'README.md': branch });
  const { url } = await deploy(door, mr, branch);
  await until('the note', () => t.note(mr.iid)?.body.includes('Running'));
  return { mr, branch, url, deployed: mr.sha };
}

/** Time passes after that, and a webhook has the merge request looked at. */
async function later(mr: MergeRequest, ms: number): Promise<void> {
  await seen(t);
  t.clock.goOn(ms);
  await t.gitlab.updateMergeRequest(mr, t.dev, { title: `A hint after ${ms} ms and ${mr.title.length}` });
}
const body = (mr: MergeRequest) => t.note(mr.iid)?.body ?? '';
const listings = (mr: MergeRequest) =>
  t.gitlab.requests.filter(({ path }) => path.includes(`/merge_requests/${mr.iid}/pipelines`)).length;
const short = (sha: string) => `\`${sha.slice(0, 8)}\``;

describe('a push that its pipeline does not deploy', () => {
  it.each<[JobStatus, string]>([
    ['skipped', 'was skipped, or deployed nothing'],
    ['success', 'was skipped, or deployed nothing'],
    ['failed', 'failed before it was deployed'],
    ['canceled', 'was canceled before it was deployed'],
  ])('(%s) leaves a note of which commit the preview shows, until one is deployed', async (status, why) => {
    const { mr, branch, url, deployed } = await live();
    await t.push(branch, { 'README.md': 'newer [skip ci]' });
    const pipeline = door.pipeline(mr);
    t.gitlab.setPipelineStatus(pipeline, status);
    await later(mr, 10_000);
    await until('the note to tell of it', () => body(mr).includes('is not deployed'));
    expect(body(mr)).toContain(
      `⚠️ The newest commit ${short(mr.sha)} is not deployed, and the preview shows the older ${short(deployed)}: [its pipeline](${t.gitlab.url}/${t.project.path}/-/pipelines/${pipeline.id}) ${why}.`,
    );
    expect((await t.preview(url)).body).toBe(branch);
    const headers = { 'private-token': t.dev.tokens[0] as string };
    const shown = await fetch(`${t.serviceUrl}/api/deployments/${new URL(url).hostname.split('.')[0]}`, { headers });
    expect(((await shown.json()) as { merge_request: unknown }).merge_request).toMatchObject({
      head_sha: mr.sha,
      head_not_deployed: { reason: status === 'success' ? 'skipped' : status },
    });

    await deploy(door, mr, 'newer');
    await until('the note to be right', () => !body(mr).includes('is not deployed') && body(mr).includes('Running'));
    expect(body(mr)).toContain(short(mr.sha));
  });

  it('and for which GitLab makes no pipeline is told of after a minute', async () => {
    const { mr, branch, deployed } = await live();
    await t.push(branch, { 'README.md': 'newer' });
    await later(mr, 11_000);
    await until('a look', () => listings(mr) > 0);
    await seen(t);
    expect(body(mr)).not.toContain('is not deployed');
    await later(mr, 50_000);
    await until('the note to tell of it', () => body(mr).includes('GitLab made no pipeline for it'));
    expect(body(mr)).toContain(`the preview shows the older ${short(deployed)}`);
  });

  it('is told of no sooner than its pipeline has ended', async () => {
    const { mr, branch } = await live();
    await t.push(branch, { 'README.md': 'newer' });
    const pipeline = door.pipeline(mr);
    t.gitlab.setPipelineStatus(pipeline, 'running');
    await later(mr, 120_000);
    await until('a look', () => listings(mr) > 0);
    await seen(t);
    expect(body(mr)).not.toContain('is not deployed');
    t.gitlab.setPipelineStatus(pipeline, 'failed');
    await until('the note to tell of it', () => body(mr).includes('failed before it was deployed'));
  });
});

it('a merge request that is reopened with commits that nobody deployed says so', async () => {
  const { mr, branch, url } = await live();
  await t.gitlab.closeMergeRequest(mr, t.dev);
  await until('it to be gone', async () => (await t.preview(url)).status === 410);
  await t.push(branch, { 'README.md': 'while it was closed' });
  await t.gitlab.reopenMergeRequest(mr, t.dev);
  await until('the preview to be back', async () => (await t.preview(url)).body === branch);
  await later(mr, 1);
  await later(mr, 61_000);
  await until('the note to tell of it', () => body(mr).includes('GitLab made no pipeline for it'));
});

it('a push whose job comes soon costs no look at pipelines', async () => {
  const { mr, branch } = await live();
  for (const text of ['two', 'three']) {
    await t.push(branch, { 'README.md': text });
    await deploy(door, mr, text);
    await later(mr, 20_000);
    await seen(t);
  }
  expect(listings(mr)).toBe(0);
});

const headOf = ({ iid }: MergeRequest) =>
  rows<{ head_sha: string }>(t, 'select head_sha from merge_requests where iid = ?', iid)[0]?.head_sha;

const readsOf = ({ iid }: MergeRequest) =>
  t.gitlab.requests.filter(({ path }) => path.endsWith(`/merge_requests/${iid}`)).length;

describe('a job that reads the head while that moves on', () => {
  it('remembers the one that it found in the end, where a replica of GitLab lagged behind at first', async () => {
    const { mr, branch } = await live();
    await seen(t);
    await unheard(t, async () => void (await t.push(branch, { 'README.md': 'newer' })));
    const path = new RegExp(`/merge_requests/${mr.iid}$`);
    t.gitlab.faults.add({ match: { method: 'GET', path }, times: 1, act: { staleReads: true } });
    await deploy(door, mr, 'newer');
    expect(headOf(mr)).toBe(mr.sha);
  });

  it('has it read again, where a webhook told of the next push meanwhile', async () => {
    const { mr, branch } = await live();
    await t.push(branch, { 'README.md': 'two' });
    await until('the push to be known', () => headOf(mr) === mr.sha);
    await seen(t);
    const token = await door.token(door.job(door.pipeline(mr)));
    const before = readsOf(mr);
    t.gitlab.faults.add({ match: { path: /repository\/commits\// }, times: 1, act: { delayMs: 5_000 } });
    const begun = door.deploy(token, mr.iid);
    await until('the job to have read the merge request', () => readsOf(mr) > before);
    await t.push(branch, { 'README.md': 'three [skip ci]' });
    await until('the next push to be known', () => headOf(mr) === mr.sha);
    expect((await begun).status).toBe(200);
    await until('the head to be right again', () => headOf(mr) === mr.sha);
  });

  it.each(['Push Hook', 'Merge Request Hook'])(
    'has it read again, where the merge request was not known yet, and only a %s told of the next push',
    async (event) => {
      const branch = `older-${++branches}`;
      const mr = await t.openMergeRequest(branch, { 'README.md': branch });
      const token = await door.token(door.job(door.pipeline(mr)));
      t.gitlab.faults.add({ match: { path: /repository\/commits\// }, times: 1, act: { delayMs: 3_000 } });
      const begun = door.deploy(token, mr.iid);
      await until('the job to have read the merge request', () => readsOf(mr) === 1);
      const hook = t.project.hooks[0] as { events: readonly string[] | null };
      hook.events = [event];
      await t.push(branch, { 'README.md': 'next [skip ci]' });
      await t.gitlab.webhooksSettled();
      hook.events = null;
      expect((await begun).status).toBe(200);
      await until('the next push to be known', () => headOf(mr) === mr.sha);
    },
  );

  it('has nothing read again for what it has seen itself', async () => {
    const branch = `older-${++branches}`;
    const mr = await t.openMergeRequest(branch, { 'README.md': branch });
    await t.gitlab.webhooksSettled();
    expect((await door.deploy(await door.token(door.job(door.pipeline(mr))), mr.iid)).status).toBe(200);
    t.clock.goOn(60_000);
    await t.settled();
    expect(readsOf(mr)).toBe(1);
  });
});
