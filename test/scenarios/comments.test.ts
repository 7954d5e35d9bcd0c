import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { MergeRequest, Note, User } from '../support/gitlab/state.ts';
import { nodeServer, openWorld, type World } from '../support/world.ts';

let t: World;
let mr: MergeRequest;
let url: string;

beforeAll(async () => {
  t = await openWorld({ branchPipelines: false });
  mr = await t.openMergeRequest('feature', { 'server.mjs': nodeServer('feature') });
  await t.settled();
  url = t.previewUrl(mr.iid);
});
afterAll(() => t.close());

async function say(user: User, body: string): Promise<Note> {
  const note = await t.gitlab.comment(t.project, mr.iid, user, body);
  if (!note) throw new Error(`"${body}" left no note`);
  await t.settled();
  return note;
}

/** What the service's user answered with an emoji. */
const reactions = (note: Note) => note.emojis.map(({ name, userId }) => `${name} by ${t.gitlab.user(userId).username}`);
const replies = () => t.gitlab.notes(t.project, mr.iid).filter((note) => note.authorId === t.bot.id).length - 1;
const status = async () => (await t.preview(url)).status;

describe('commands in comments', () => {
  it('/undeploy of a Developer takes the preview down, and /deploy brings it back without a pipeline', async () => {
    expect(reactions(await say(t.dev, '/undeploy'))).toEqual(['thumbsup by previews-bot']);
    expect(await status()).toBe(410);
    expect(t.instances()).toEqual([]);
    expect(t.bundles()).toHaveLength(1);
    expect(t.gitlab.environment(t.project, 'review/mr-1')?.state).toBe('stopped');

    expect(reactions(await say(t.dev, '/deploy'))).toEqual(['thumbsup by previews-bot']);
    expect(await t.preview(url)).toMatchObject({ status: 200, body: 'feature' });
    expect(t.gitlab.environment(t.project, 'review/mr-1')).toMatchObject({ state: 'available', externalUrl: url });
    expect(t.instances()).toEqual([expect.stringMatching(/-r2$/)]);
    expect(t.gitlab.pipelines(t.project)).toHaveLength(1);
    expect(replies()).toBe(0);
  });

  it.each([
    ['a Reporter', 20],
    ['a Guest', 10],
    ['a stranger', 0],
  ])('of %s do nothing, and are told so', async (who, level) => {
    const user = t.gitlab.addUser(who.replaceAll(' ', '-'));
    t.gitlab.addMember(t.project, user, level);
    expect(reactions(await say(user, '/undeploy'))).toEqual(['thumbsdown by previews-bot']);
    expect(reactions(await say(user, '/deploy'))).toEqual(['thumbsdown by previews-bot']);
    expect(await status()).toBe(200);
    expect(t.instances()).toEqual([expect.stringMatching(/-r2$/)]);
    expect(replies()).toBe(0);
  });

  it('are obeyed once, however often the webhook comes', async () => {
    const note = await say(t.dev, '/deploy');
    const delivery = t.gitlab.deliveries.findLast(({ event }) => event === 'Note Hook');
    expect(delivery?.status).toBe(200);
    if (delivery) await t.gitlab.resendDelivery(delivery);
    // The same comment under another delivery id, as an edit of it would be.
    await t.gitlab.editNoteAs(t.project, mr.iid, note.id, t.dev, '/deploy please');
    await t.settled();
    expect(t.instances()).toEqual([expect.stringMatching(/-r3$/)]);
    expect(reactions(note)).toEqual(['thumbsup by previews-bot']);
  });

  it('that are none are left alone: inside a sentence, a quote, or code', async () => {
    for (const body of ['Shall we /undeploy this?', '> /undeploy', '`/undeploy`', '```\n/undeploy\n```', 'undeploy'])
      expect(reactions(await say(t.dev, body))).toEqual([]);
    expect(await status()).toBe(200);
  });

  it('that come later than this version are answered once', async () => {
    const note = await say(t.dev, '/sleep');
    expect(reactions(note)).toEqual(['thumbsdown by previews-bot']);
    expect(replies()).toBe(1);
    expect(t.gitlab.notes(t.project, mr.iid).at(-1)?.body).toContain(
      'This command is not there yet. What works now: `/deploy` and `/undeploy`.',
    );
  });

  it('/deploy where no code is here runs the deploy job again, once, also when the webhook is doubled', async () => {
    const other = await t.openMergeRequest('never-deployed', { '.branch-deployment.yml': 'start: ""\n' });
    await t.settled();
    const before = t.gitlab.notes(t.project, other.iid).length;
    const note = await t.gitlab.comment(t.project, other.iid, t.dev, '/deploy');
    await t.settled();
    const delivery = t.gitlab.deliveries.findLast(({ event }) => event === 'Note Hook');
    if (delivery) await t.gitlab.resendDelivery(delivery);
    await t.settled();
    const notes = t.gitlab.notes(t.project, other.iid);
    expect(notes).toHaveLength(before + 1);
    expect(note && reactions(note)).toEqual(['thumbsup by previews-bot']);
    const pipelines = t.gitlab.pipelines(t.project).filter(({ mergeRequestIid }) => mergeRequestIid === other.iid);
    expect(pipelines).toHaveLength(1);
    expect(pipelines[0]?.jobs.filter(({ name }) => name === 'branch-deployment:deploy')).toHaveLength(2);
  });

  it('/deploy of a closed merge request is refused with the reason', async () => {
    await t.gitlab.closeMergeRequest(mr, t.dev);
    await t.settled();
    const before = replies();
    const note = await say(t.dev, '/deploy');
    expect(reactions(note)).toEqual(['thumbsdown by previews-bot']);
    expect(replies()).toBe(before + 1);
    expect(await status()).toBe(410);
  });
});
