import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { type Happening, WHAT_HAPPENS } from '../../src/deployment/what-happens.ts';
import type { MergeRequestRow } from '../../src/store/schema.ts';
import { Database } from '../../src/store/sqlite.ts';
import type { MergeRequest } from '../support/gitlab/state.ts';
import { InstantRuntime } from '../support/instant-runtime.ts';
import { until } from '../support/poll.ts';
import { openWorld, type World } from '../support/world.ts';
import { CiDoor } from './ci-door.ts';
import { closeAll, deploy, seen } from './live.ts';

const HOUR = 3_600_000;
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
async function live(): Promise<{ readonly mr: MergeRequest; readonly branch: string; readonly url: string }> {
  const branch = `branch-${++branches}`;
  const mr = await t.openMergeRequest(branch, { 'README.md': branch });
  const { url } = await deploy(door, mr, branch);
  await seen(t);
  expect((await t.preview(url)).body).toBe(branch);
  return { mr, branch, url };
}

const answer = async (url: string) => {
  const { status, body } = await t.preview(url);
  return status === 200 ? body : status;
};
const instances = async (mr: MergeRequest) =>
  (await runtime.list()).filter((name) => name.startsWith(`mr-${mr.iid}-`)).map((name) => name.slice(-2));
/** The instance before is ended some time after its job has. */
async function onlySecond(mr: MergeRequest): Promise<void> {
  await until('the first instance to be gone', async () => (await instances(mr)).join() === 'r2');
  await seen(t);
}
const environment = (mr: MergeRequest) => t.gitlab.environment(t.project, `review/mr-${mr.iid}`);
/** All that is seen of a deployment, to say that nothing of it has changed. */
const sight = async ({ mr, url }: { mr: MergeRequest; url: string }) => ({
  answer: await answer(url),
  instances: await instances(mr),
  environment: { ...environment(mr) },
  note: { ...t.note(mr.iid) },
  bundles: t.bundles().length,
});

function read<T>(query: string, ...values: unknown[]): T {
  const database = new Database(join(t.dataDir, 'service.sqlite'), { readonly: true });
  try {
    return database.prepare(query).get(...values) as T;
  } finally {
    database.close();
  }
}
const stored = (mr: MergeRequest) =>
  read<Record<string, unknown>>('select * from merge_requests where iid = ?', mr.iid) as unknown as MergeRequestRow &
    Record<string, unknown>;
const lastEvent = (mr: MergeRequest, type: string) =>
  read<{ message: string } | undefined>(
    'select e.message from events e join merge_requests m on m.id = e.merge_request_id where m.iid = ? and e.type = ? order by e.id desc',
    mr.iid,
    type,
  )?.message;

/** What the API tells a Developer about the merge request of a preview. */
async function shownTo(url: string): Promise<unknown> {
  const name = new URL(url).hostname.split('.')[0];
  const headers = { 'private-token': t.dev.tokens[0] as string };
  const response = await fetch(`${t.serviceUrl}/api/deployments/${name}`, { headers });
  return ((await response.json()) as { merge_request?: unknown }).merge_request;
}

/** The clock goes on, and then a webhook has the merge request looked at. */
async function later(ms: number, { iid, projectId }: MergeRequest): Promise<void> {
  t.clock.goOn(ms);
  const payload = { object_attributes: { iid, target_project_id: projectId } };
  t.gitlab.emit({ projectId, name: 'Merge Request Hook', payload });
  await seen(t);
}

const tests: Readonly<Record<Happening, () => Promise<void>>> = {
  async 'it is opened'() {
    const mr = await t.openMergeRequest('opened', { 'README.md': 'opened' });
    await seen(t);
    expect([await instances(mr), t.note(mr.iid), stored(mr)]).toEqual([[], undefined, undefined]);
    const { url } = await deploy(door, mr, 'hello');
    await seen(t);
    expect(await answer(url)).toBe('hello');
    expect(environment(mr)?.externalUrl).toBe(url);
    expect(t.note(mr.iid)?.body).toContain('Running');
  },

  async 'a commit is pushed'() {
    const { mr, branch, url } = await live();
    await t.push(branch, { 'README.md': 'two' });
    await seen(t);
    expect(await answer(url)).toBe(branch);
    await deploy(door, mr, 'two');
    await onlySecond(mr);
    expect([await answer(url), await instances(mr)]).toEqual(['two', ['r2']]);
    expect(t.note(mr.iid)?.body).toContain(mr.sha.slice(0, 8));
  },

  async 'it is given another target branch'() {
    const one = await live();
    const before = await sight(one);
    await t.push('other-target', { 'README.md': 'target' });
    await t.gitlab.updateMergeRequest(one.mr, t.dev, { targetBranch: 'other-target' });
    await seen(t);
    expect(await sight(one)).toEqual(before);
    expect(stored(one.mr)).toMatchObject({ target_branch: 'other-target' });
  },

  async 'it is renamed'() {
    const one = await live();
    const before = await sight(one);
    await t.gitlab.updateMergeRequest(one.mr, t.dev, { title: 'Another name' });
    await seen(t);
    expect(await sight(one)).toEqual(before);
    expect(stored(one.mr)).toMatchObject({ title: 'Another name' });
  },

  async 'it becomes a draft, or ready'() {
    const one = await live();
    const before = await sight(one);
    for (const title of ['Draft: it', 'it']) {
      await t.gitlab.updateMergeRequest(one.mr, t.dev, { title });
      await seen(t);
      expect(await sight(one)).toEqual(before);
    }
  },

  async 'it is merged'() {
    const before = t.bundles().length;
    const { mr, url } = await live();
    await t.gitlab.mergeMergeRequest(mr, t.dev);
    await seen(t);
    expect([await answer(url), await instances(mr), t.bundles().length]).toEqual([410, [], before]);
    expect(environment(mr)?.state).toBe('stopped');
    expect(t.note(mr.iid)?.body).toContain('merged');
  },

  async 'it is closed'() {
    const before = t.bundles().length;
    const { mr, url } = await live();
    await t.gitlab.closeMergeRequest(mr, t.dev);
    await seen(t);
    expect([await answer(url), await instances(mr), t.bundles().length]).toEqual([410, [], before + 1]);
    expect(environment(mr)?.state).toBe('stopped');
    expect(t.note(mr.iid)?.body).toContain('closed');
  },

  async 'it is reopened'() {
    const { mr, branch, url } = await live();
    await t.gitlab.closeMergeRequest(mr, t.dev);
    await seen(t);
    await t.gitlab.reopenMergeRequest(mr, t.dev);
    await seen(t);
    expect([await answer(url), await instances(mr)]).toEqual([branch, ['r2']]);
    expect(environment(mr)).toMatchObject({ state: 'available', externalUrl: url });
  },

  async 'its source branch is deleted'() {
    const one = await live();
    const before = await sight(one);
    await t.gitlab.deleteBranch(t.project, one.branch, { author: t.dev });
    await seen(t);
    expect(await sight(one)).toEqual(before);
  },

  async 'its project is moved or renamed'() {
    const { mr, branch, url } = await live();
    const noteId = t.note(mr.iid)?.id;
    t.project.path = 'data/store';
    await t.gitlab.updateMergeRequest(mr, t.dev, { title: 'After the move' });
    await seen(t);
    expect([await answer(url), await instances(mr)]).toEqual([branch, ['r1']]);
    expect(stored(mr)).toMatchObject({ project_path: 'data/store', project_url: `${t.gitlab.url}/data/store` });
    expect(t.note(mr.iid)).toMatchObject({ id: noteId, body: expect.stringContaining('**store**') });
    expect((await deploy(door, mr, 'after the move')).url).toBe(url);
    await onlySecond(mr);
    expect([await answer(url), await instances(mr)]).toEqual(['after the move', ['r2']]);

    t.project.path = 'other/store';
    const refused = await door.deploy(await door.token(door.job(door.pipeline(mr))), mr.iid);
    expect(refused).toMatchObject({ status: 403, text: expect.stringContaining('BD_ALLOWED_PROJECTS') });
    expect(await answer(url)).toBe('after the move');
    t.project.path = 'data/shop';
  },

  async 'it is deleted'() {
    const { mr, branch, url } = await live();
    const { mergeRequests } = t.gitlab.state;
    mergeRequests.splice(mergeRequests.indexOf(mr), 1);
    for (const ms of [0, 1_000]) {
      await later(ms, mr);
      expect(await answer(url)).toBe(branch);
    }
    await later(31_000, mr);
    expect([await answer(url), await instances(mr)]).toEqual([410, []]);
    expect(environment(mr)?.state).toBe('stopped');
    // GitLab gives no number twice.
    mergeRequests.push(Object.assign(mr, { state: 'closed' }));
  },

  async "the bot's token loses its rights"() {
    for (const role of ['no member', 'a Guest', 'nobody with that token'] as const) {
      const one = await live();
      const tokens = [...t.bot.tokens];
      if (role === 'nobody with that token') t.bot.tokens.splice(0);
      else t.gitlab.addMember(t.project, t.bot, role === 'a Guest' ? 10 : 0);
      await t.gitlab.closeMergeRequest(one.mr, t.dev);
      const event = await until('the refusal to be told', () => lastEvent(one.mr, 'unreadable'));
      expect(event).toMatch(/role Developer|BD_GITLAB_TOKEN/);
      expect(t.logLines.join('')).toContain('a merge request cannot be read');
      await seen(t);

      const asks = () => t.gitlab.requests.filter(({ path }) => path.includes(`/merge_requests/${one.mr.iid}`)).length;
      const asked = asks();
      await later(4 * 60_000, one.mr);
      expect(asks() - asked).toBeLessThanOrEqual(2);
      expect([role, await answer(one.url), await instances(one.mr)]).toEqual([role, one.branch, ['r1']]);
      expect(await shownTo(one.url)).toMatchObject({
        unreadable_since: expect.any(String),
        unreadable_why: event?.slice(event.indexOf(': ') + 2),
      });

      t.gitlab.addMember(t.project, t.bot, 40);
      t.bot.tokens.splice(0, Number.POSITIVE_INFINITY, ...tokens);
      await later(5 * 60_000, one.mr);
      expect([role, await answer(one.url), await instances(one.mr)]).toEqual([role, 410, []]);
      expect(environment(one.mr)?.state).toBe('stopped');
      expect(t.note(one.mr.iid)?.body).toContain('closed');
      expect(stored(one.mr)).toMatchObject({ unreadable_since: null, unreadable_why: null });
    }
  },

  async 'GitLab is out of reach'() {
    const { mr, branch, url } = await live();
    const lift = t.gitlab.faults.add({ match: { path: /\/api\/v4\// }, act: 'close' });
    await t.gitlab.closeMergeRequest(mr, t.dev);
    await until('a try to fail', () => t.logLines.join('').includes('GitLab could not be reached'));
    expect([await answer(url), await instances(mr)]).toEqual([branch, ['r1']]);
    lift();
    await seen(t);
    await until('the close to be found', async () => (await answer(url)) === 410);
    expect(stored(mr)).toMatchObject({ state: 'closed', unreadable_since: null });
  },

  async 'its project is deleted'() {
    const { mr, branch, url } = await live();
    // To the bot, being thrown out of a project is the same: GitLab answers 404 for it.
    t.gitlab.addMember(t.project, t.bot, 0);
    await later(0, mr);
    expect(lastEvent(mr, 'unreadable')).toContain('GitLab answers 404 for the project');
    expect(await answer(url)).toBe(branch);
    expect(stored(mr)).toMatchObject({ unreadable_since: expect.any(Number) });
    for (let hours = 0; hours < 66; hours += 6) await later(6 * HOUR, mr);
    expect(await answer(url)).toBe(branch);
    for (let hours = 66; hours <= 72; hours += 6) await later(6 * HOUR, mr);
    expect([await answer(url), await instances(mr)]).toEqual([410, []]);

    // It was only the bot that had been thrown out.
    t.gitlab.addMember(t.project, t.bot, 40);
    await later(0, mr);
    expect([await answer(url), await instances(mr)]).toEqual([branch, ['r2']]);
    expect(environment(mr)?.state).toBe('available');
  },
};

it.each(Object.keys(WHAT_HAPPENS) as Happening[])('%s', (happening) => tests[happening]());
