import { afterAll, beforeAll, expect, it } from 'vitest';
import { ensureEnvironment, setExternalUrl } from '../../support/gitlab/acts/environments.ts';
import type { MergeRequest } from '../../support/gitlab/state.ts';
import { InstantRuntime } from '../../support/instant-runtime.ts';
import { until } from '../../support/poll.ts';
import { openWorld, type World } from '../../support/world.ts';
import { deployed, repairs, unheard } from './swept-world.ts';

const runtime = new InstantRuntime();
let t: World;

beforeAll(async () => {
  t = await openWorld({ pipelines: false, runtime });
});
afterAll(() => t.close());

const environment = (name: string) => t.gitlab.environment(t.project, name);
/** A deployment of which nothing is due any more. */
async function quiet(branch: string): Promise<MergeRequest> {
  const mr = await deployed(t, branch);
  await t.settled();
  t.clock.goOn(60_000);
  expect(await swept()).toEqual([]);
  return mr;
}
async function swept(): Promise<string[]> {
  const before = repairs(t).length;
  await t.service.sweep();
  await t.settled();
  return repairs(t).slice(before);
}

it('finds a close, a reopen and a merge that no webhook told of, and says so', async () => {
  const mr = await quiet('unheard');

  await unheard(t, () => t.gitlab.closeMergeRequest(mr, t.dev));
  expect(await swept()).toEqual([`!${mr.iid} is closed in GitLab, and no webhook had said so.`]);
  expect(await runtime.list()).toEqual([]);

  await unheard(t, () => t.gitlab.reopenMergeRequest(mr, t.dev));
  expect(await swept()).toEqual([`!${mr.iid} is opened in GitLab, and no webhook had said so.`]);
  expect(await runtime.list()).toEqual([expect.stringMatching(/-r2$/)]);

  await unheard(t, () => t.gitlab.mergeMergeRequest(mr, t.dev));
  expect(await swept()).toEqual([`!${mr.iid} is merged in GitLab, and no webhook had said so.`]);
  expect(await runtime.list()).toEqual([]);
  expect(t.bundles()).toEqual([]);
  expect(await swept()).toEqual([]);
});

it('finds a note that somebody deleted', async () => {
  const mr = await quiet('note');
  const note = await until('the note', () => t.note(mr.iid));
  t.gitlab.deleteNote(t.project, mr.iid, note.id);
  t.clock.goOn(5 * 60_000);
  await swept();
  expect(t.note(mr.iid)?.body).toBe(note.body);
});

it('stops an environment that came back after its deployment was stopped', async () => {
  const mr = await quiet('came-back');
  await t.gitlab.closeMergeRequest(mr, t.dev);
  await t.settled();
  const late = environment(`review/mr-${mr.iid}`);
  if (!late) throw new Error('there is no environment');
  expect(late.state).toBe('stopped');
  t.clock.goOn(60_000);
  expect(await swept()).toEqual([]);
  late.state = 'available';
  expect(await swept()).toEqual([
    expect.stringMatching(
      /^The environment review\/mr-\d+ was available, though mr-\d+-shop-\w+ is stopped \(closed\)\.$/,
    ),
  ]);
  expect(late.state).toBe('stopped');
});

it('makes the link of a running deployment right again', async () => {
  const mr = await quiet('linked');
  const url = t.previewUrl(mr.iid);
  const linked = environment(`review/mr-${mr.iid}`);
  if (!linked) throw new Error('there is no environment');
  setExternalUrl(t.gitlab, linked, 'https://elsewhere.example.com');
  expect(await swept()).toEqual([expect.stringContaining('led to https://elsewhere.example.com, though mr-')]);
  expect(linked.externalUrl).toBe(url);

  linked.state = 'stopped';
  expect(await swept()).toEqual([expect.stringContaining('was stopped, though mr-')]);
  expect(linked).toMatchObject({ state: 'available', externalUrl: url });
});

it('stops environments that no deployment has, of ours and of ended merge requests only', async () => {
  const host = new URL(t.serviceUrl);
  const preview = (iid: number) => `http://mr-${iid}-shop-bcdfghjk.${host.host}`;
  const open = await t.openMergeRequest('open-stray', { 'README.md': 'open' });
  const ended = await t.openMergeRequest('ended-stray', { 'README.md': 'ended' });
  await t.gitlab.closeMergeRequest(ended, t.dev);
  const add = (name: string, externalUrl: string) => ensureEnvironment(t.gitlab, t.project.id, { name, externalUrl });
  const strays = {
    ended: add('review/mr-ended', preview(ended.iid)),
    open: add('review/mr-open', preview(open.iid)),
    unknown: add('review/mr-unknown', preview(9999)),
    foreign: add('review/mr-foreign', `https://mr-${ended.iid}-shop-bcdfghjk.previews.example.com`),
  };

  expect(await swept()).toEqual([
    `The environment review/mr-ended led to a preview, and no deployment has it; !${ended.iid} is closed: stopped.`,
  ]);
  expect(Object.fromEntries(Object.entries(strays).map(([name, { state }]) => [name, state]))).toEqual({
    ended: 'stopped',
    open: 'available',
    unknown: 'available',
    foreign: 'available',
  });
});

it('does nothing while GitLab fails, and what it would have done afterwards', async () => {
  const mr = await quiet('outage');
  const before = repairs(t);
  await unheard(t, () => t.gitlab.mergeMergeRequest(mr, t.dev));
  const instances = await runtime.list();
  const back = t.gitlab.faults.add({ match: { path: /\/merge_requests\?/ }, act: { status: 500 } });
  const asked = t.gitlab.requests.length;
  await t.service.sweep();
  await until('the list to have failed', () =>
    t.gitlab.requests.slice(asked).some(({ path, status }) => path.includes('/merge_requests?') && status === 500),
  );
  expect(await runtime.list()).toEqual(instances);
  expect(repairs(t)).toEqual(before);

  back();
  await until('the merge to be found', async () => (await runtime.list()).length === instances.length - 1);
  expect(repairs(t).at(-1)).toBe(`!${mr.iid} is merged in GitLab, and no webhook had said so.`);
});
