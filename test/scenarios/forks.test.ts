import { describe, expect, it } from 'vitest';
import type { MergeRequest, Note, Project } from '../support/gitlab/state.ts';
import { until } from '../support/poll.ts';
import {
  type Deployed,
  deploy,
  exitOf,
  instancesOf,
  member,
  noteSays,
  open,
  push,
  reactions,
  replyTo,
  runtime,
  say,
  serves,
  stranger,
  t,
  useForkWorld,
} from './fork-world.ts';

useForkWorld();

describe("a fork's merge request", () => {
  let mr: MergeRequest;
  let first: Deployed;
  let second: Deployed;

  it('is taken and not started: job and note say who must write what', async () => {
    mr = await open('feature', 'first');
    first = await deploy(mr, 'first');

    expect(first.text).toContain(
      `say This merge request comes from a fork. Its code was taken, and nothing of it runs before a Developer of data/shop has approved this commit,\n` +
        `say with this comment in !${mr.iid} (${t.gitlab.url}/data/shop/-/merge_requests/${mr.iid}):\n` +
        `say   /deploy ${mr.sha}\nsay Then it is deployed at once, and no new pipeline is needed.\nexit 2\n`,
    );
    await noteSays(mr, `then comment \`/deploy ${mr.sha}\`.`);
    await noteSays(mr, '✋ Waits for approval');
    expect((await t.preview(first.url)).body).toContain('a Developer of the project must approve its commit first');
    expect(await runtime.list()).toEqual([]);
  });

  it.each([
    ['its author, who owns the fork', () => stranger],
    ['a Reporter', () => member('reporter', 20)],
  ])('is not approved by %s', async (_who, user) => {
    expect(reactions(await say(mr, user(), `/deploy ${mr.sha}`))).toEqual(['thumbsdown']);
    expect(await runtime.list()).toEqual([]);
  });

  it.each([
    ['a bare /deploy', () => '/deploy', 'each of its commits needs an approval that names it'],
    ['another commit', () => '/deploy 0123456789abcdef', 'Nothing was approved'],
    ['fewer than 8 characters', () => `/deploy ${mr.sha.slice(0, 7)}`, 'Nothing was approved'],
    ['more than the commit', () => `/deploy ${mr.sha}0`, 'Nothing was approved'],
    ['a branch', () => '/deploy feature', 'Nothing was approved'],
  ])('is not approved by %s, and a Developer is told what to write', async (_what, body, reply) => {
    const note = await say(mr, t.dev, body());
    expect(reactions(note)).toEqual(['thumbsdown']);
    expect(await replyTo(mr, note)).toContain(reply);
    expect(await replyTo(mr, note)).toContain(`comment \`/deploy ${mr.sha}\``);
    expect(await runtime.list()).toEqual([]);
  });

  it('is not approved by a redeploy of a Developer, which says so', async () => {
    const path = `${t.serviceUrl}/api/deployments/${new URL(first.url).hostname.split('.')[0]}`;
    const headers = { 'private-token': t.dev.tokens[0] as string };
    expect((await fetch(`${path}/redeploy`, { method: 'POST', headers })).status).toBe(202);
    await until('it to be said', async () =>
      (await (await fetch(path, { headers })).text()).includes('nobody has approved'),
    );
    expect(await runtime.list()).toEqual([]);
  });

  it('runs when a Developer of the target names its commit, without a new pipeline', async () => {
    expect(reactions(await say(mr, t.dev, `/deploy ${mr.sha.slice(0, 8)}`))).toEqual(['thumbsup']);
    await serves(first.url, 'first');
    await noteSays(mr, '✅ Running');
    expect(t.note(mr.iid)?.body).not.toContain('comes from a fork');
    expect(await exitOf(first)).toBe('0');
  });

  it('needs it again for a new push; the approved commit goes on serving', async () => {
    const before = mr.sha;
    await push('feature', 'second');
    second = await deploy(mr, 'second');

    expect(second.text).toMatch(/exit 2\n$/);
    await noteSays(mr, `✋ Waits for approval<br>still serving \`${before.slice(0, 8)}\``);
    await noteSays(mr, `then comment \`/deploy ${mr.sha}\`.`);
    expect(reactions(await say(mr, t.dev, '/deploy'))).toEqual(['thumbsdown']);
    expect(reactions(await say(mr, t.dev, `/deploy ${before}`))).toEqual(['thumbsdown']);
    expect(await exitOf(second)).toBe('2');
    expect((await t.preview(second.url)).body).toBe('first');
    expect(await instancesOf(mr)).toEqual([expect.stringMatching(/-r1$/)]);
  });

  it('comes back after a reopen with what was approved, and no more', async () => {
    await t.gitlab.closeMergeRequest(mr, t.dev);
    await until('its instance to be gone', async () => (await instancesOf(mr)).length === 0);
    await t.gitlab.reopenMergeRequest(mr, stranger);
    await serves(first.url, 'first');
    expect(reactions(await say(mr, stranger, '/undeploy'))).toEqual(['thumbsdown']);
    expect((await t.preview(first.url)).body).toBe('first');
  });

  it('is taken down by a Developer of the target', async () => {
    expect(reactions(await say(mr, t.dev, '/undeploy'))).toEqual(['thumbsup']);
    await until('its instance to be gone', async () => (await instancesOf(mr)).length === 0);
  });

  it('that was approved before the service knew of it runs at once', async () => {
    const early = await open('early');
    await t.gitlab.comment(t.project, early.iid, stranger, `/deploy ${early.sha}`);
    const note = (await t.gitlab.comment(t.project, early.iid, t.dev, `Looks good.\n\n/deploy ${early.sha}`)) as Note;
    const deployed = await deploy(early, 'early');

    expect(deployed.text).not.toContain('exit');
    await serves(deployed.url, 'early');
    await until('the comment to be acknowledged', () => reactions(note).includes('thumbsup'), 10_000);
    expect(await instancesOf(early)).toEqual([expect.stringMatching(/-r1$/)]);
  });

  it('that was approved while no webhook came is found by the sweep', async () => {
    const lost = await open('lost');
    const deployed = await deploy(lost, 'lost');
    await t.settled();
    await t.service.sweep();
    const hook = t.project.hooks[0] as Project['hooks'][number];
    const { url } = hook;
    hook.url = `${t.serviceUrl}/nowhere`;
    await t.gitlab.comment(t.project, lost.iid, t.dev, `/deploy ${lost.sha}`);
    await t.gitlab.webhooksSettled();
    hook.url = url;
    expect(await instancesOf(lost)).toEqual([]);
    await t.service.sweep();
    await serves(deployed.url, 'lost');
  });
});
