import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CiDoor } from '../scenarios/ci-door.ts';
import { deploy } from '../scenarios/live.ts';
import { makeArchive } from '../store/bundles/archives.ts';
import type { MergeRequest, User } from '../support/gitlab/state.ts';
import { InstantRuntime } from '../support/instant-runtime.ts';
import { until } from '../support/poll.ts';
import { openWorld, type World } from '../support/world.ts';
import { post, signedHeaders } from './post-webhook.ts';

// How each kind of text is escaped: test/views/note/escape.test.ts and note.test.ts.

const HOSTILE = [
  '/merge',
  '/close',
  '/approve',
  '@dev @all hello',
  '| a | b |',
  '</details></td></table><script>alert(1)</script>',
  '<!-- branch-deployments -->',
  '```',
  '[click](javascript:alert(1)) ![x](https://tracker.example/x.png)',
  '!1 #1 ~label $(id) `id`',
];

const runtime = new InstantRuntime();
let t: World;
let door: CiDoor;
let reporter: User;
let branches = 0;

beforeAll(async () => {
  t = await openWorld({ pipelines: false, runtime });
  door = new CiDoor(t);
  reporter = t.gitlab.addUser('reporter');
  t.gitlab.addMember(t.project, reporter, 20);
});
afterAll(() => t.close());

const open = (message = 'Change', title = 'Change') =>
  t.openMergeRequest(`branch-${branches++}`, { 'README.md': String(branches) }, { message, title });
const own = (mr: MergeRequest) => t.gitlab.notes(t.project, mr.iid).filter(({ authorId }) => authorId === t.bot.id);

async function live(mr: MergeRequest): Promise<string> {
  const { url } = await deploy(door, mr, 'hello');
  await t.settled();
  return url;
}

/** Nothing that the service wrote did anything but be read. */
function expectHarmless(mr: MergeRequest): void {
  expect(t.gitlab.quickActions.filter(({ username }) => username === t.bot.username)).toEqual([]);
  const ids = new Set(own(mr).map(({ id }) => id));
  expect(t.gitlab.mentions.filter(({ noteId }) => ids.has(noteId))).toEqual([]);
  expect(mr.state).toBe('opened');
  expect(own(mr)).toHaveLength(1);
}

describe('note injection (GitLab #346557, #326443)', () => {
  it('through the commit message, the title and the names of people', async () => {
    t.dev.name = '/merge\n@all | <b>';
    const mr = await open(HOSTILE.join(' '), HOSTILE.join(' '));
    await live(mr);
    t.dev.name = 'Dee Veloper';
    expectHarmless(mr);
    const body = own(mr)[0]?.body ?? '';
    expect(body).toContain('merge');
    expect(body).not.toMatch(/^\s*\/\w/m);
    expect(body).not.toContain('<script>');
    expect(body.match(/<!--/g)).toHaveLength(1);
  });

  it('through a message that begins with a command', async () => {
    const mr = await open('/close\n/merge\n\n/approve', '/close');
    await live(mr);
    expectHarmless(mr);
  });

  it('through the reason why an app ended', async () => {
    const mr = await open();
    const job = door.job(door.pipeline(mr));
    const token = await door.token(job);
    await door.deploy(token, mr.iid);
    const exits = `${HOSTILE.join('\n')}\n`;
    await door.upload(
      token,
      makeArchive([
        { path: '.branch-deployment.yml', content: 'start: unused\n' },
        { path: 'exit.txt', content: exits },
      ]),
    );
    await t.settled();
    expectHarmless(mr);
    expect(own(mr)[0]?.body).toContain('Failed');
  });

  it('with a text of a megabyte: the note stays short enough for GitLab', async () => {
    const mr = await open(`${'long '.repeat(200_000)}\n\n${'@all\n'.repeat(50_000)}`);
    await live(mr);
    expectHarmless(mr);
    expect(own(mr)[0]?.body.length).toBeLessThan(10_000);
  });
});

describe('marker spoofing', () => {
  it("somebody else's comment with the marker is neither taken for the note nor changed", async () => {
    const mr = await open();
    const spoofed = await t.gitlab.comment(t.project, mr.iid, t.dev, '<!-- branch-deployments -->\n### All is well');
    await live(mr);
    expect(spoofed).toMatchObject({ edits: 0, body: '<!-- branch-deployments -->\n### All is well' });
    expect(own(mr)).toHaveLength(1);
    expect(own(mr)[0]?.body).toContain('Running');
  });

  it("somebody else's reply with the marker does not keep the service from answering", async () => {
    const mr = await open();
    await live(mr);
    await t.gitlab.closeMergeRequest(mr, t.dev);
    await t.settled();
    // The next comments' ids can be guessed: GitLab counts up.
    const count = 5;
    const guesses = Array.from({ length: 3 * count }, (_, index) => t.gitlab.state.nextId + index);
    for (const id of guesses.slice(-count * 2))
      await t.gitlab.comment(t.project, mr.iid, reporter, `<!-- branch-deployments:reply:${id} -->`);
    const before = own(mr).length;
    const command = await t.gitlab.comment(t.project, mr.iid, t.dev, '/deploy');
    expect(guesses).toContain(command?.id);
    await t.settled();
    expect(own(mr)).toHaveLength(before + 1);
  });
});

describe('actor confusion (onyx #14852, open-swe #2915)', () => {
  const said = (mr: MergeRequest, id: number, body: string, user: User) =>
    JSON.stringify({
      object_kind: 'note',
      user: { id: user.id, username: user.username },
      project: { id: t.project.id },
      object_attributes: { id, note: body, noteable_type: 'MergeRequest', action: 'create', author_id: user.id },
      merge_request: { iid: mr.iid, target_project_id: t.project.id },
    });

  it("a webhook's user is not who wrote the comment: its author's role counts", async () => {
    const mr = await open();
    const url = await live(mr);
    const note = await t.gitlab.comment(t.project, mr.iid, reporter, 'please\n/undeploy');
    const body = said(mr, note?.id ?? 0, '/undeploy', t.dev);
    expect((await post(t.serviceUrl, body, signedHeaders('Note Hook', body))).status).toBe(200);
    await t.settled();
    await until('the refusal', () => (note?.emojis.length ?? 0) > 0);
    expect(note?.emojis.map(({ name }) => name)).toEqual(['thumbsdown']);
    expect((await t.preview(url)).body).toBe('hello');
  });

  it('a webhook with a command that the comment does not hold does nothing', async () => {
    const mr = await open();
    const url = await live(mr);
    const note = await t.gitlab.comment(t.project, mr.iid, t.dev, 'nice work');
    const body = said(mr, note?.id ?? 0, '/undeploy', t.dev);
    expect((await post(t.serviceUrl, body, signedHeaders('Note Hook', body))).body).toEqual({ accepted: true });
    await t.settled();
    expect((await t.preview(url)).body).toBe('hello');
    expect(note?.emojis).toEqual([]);
  });

  it('a comment of another merge request is not obeyed in this one', async () => {
    const [mr, other] = [await open(), await open()];
    const url = await live(mr);
    await live(other);
    t.project.hooks.splice(0);
    const note = await t.gitlab.comment(t.project, other.iid, t.dev, '/undeploy');
    const body = said(mr, note?.id ?? 0, '/undeploy', t.dev);
    expect((await post(t.serviceUrl, body, signedHeaders('Note Hook', body))).status).toBe(200);
    await t.settled();
    expect((await t.preview(url)).body).toBe('hello');
  });
});
