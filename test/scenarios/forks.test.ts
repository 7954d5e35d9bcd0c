import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeArchive } from '../store/bundles/archives.ts';
import { ensureEnvironment } from '../support/gitlab/acts/environments.ts';
import type { Environment, MergeRequest, Note, Project, User } from '../support/gitlab/state.ts';
import { ANSWER_FILE, InstantRuntime } from '../support/instant-runtime.ts';
import { until } from '../support/poll.ts';
import { openWorld, type World } from '../support/world.ts';
import { CiDoor } from './ci-door.ts';

const APP_FILE = '.branch-deployment.yml';
const runtime = new InstantRuntime();
let t: World;
let door: CiDoor;
let stranger: User;
let fork: Project;

beforeAll(async () => {
  t = await openWorld({
    pipelines: false,
    runtime,
    files: { [APP_FILE]: 'start: x\n' },
    env: { BD_FORKS: 'approved' },
    service: { heldAtMost: 4 },
  });
  door = new CiDoor(t);
  stranger = t.gitlab.addUser('stranger', { name: 'A Stranger' });
  fork = await t.gitlab.fork(t.project, stranger);
});
afterAll(async () => {
  await t.close();
  await runtime.dispose();
});

const push = (branch: string, answer: string, project = fork) =>
  t.gitlab.push(project, branch, { files: { [ANSWER_FILE]: answer }, author: stranger });

async function open(branch: string, answer = branch): Promise<MergeRequest> {
  await push(branch, answer);
  return t.gitlab.openMergeRequest(t.project, { sourceBranch: branch, sourceProject: fork, author: stranger });
}

interface Deployed {
  readonly token: string;
  readonly url: string;
  /** Answer of the upload. */
  readonly text: string;
}

/** What a deploy job does: in the target project (where a member ran the pipeline), or in the fork. */
async function deploy(mr: MergeRequest, answer: string, where: 'target' | 'fork' = 'target'): Promise<Deployed> {
  const pipeline = where === 'fork' ? forksPipeline(mr) : door.pipeline(mr);
  const token = await door.token(door.job(pipeline));
  const begun = await door.deploy(token, mr.iid, { merge_request_project_id: String(t.project.id) });
  expect(begun).toMatchObject({ status: 200, text: expect.stringContaining('upload yes') });
  const archive = makeArchive([
    { path: APP_FILE, content: 'start: x\n' },
    { path: ANSWER_FILE, content: answer },
  ]);
  const { text } = await door.upload(token, archive);
  return { token, url: /^url (\S+)/m.exec(begun.text)?.[1] as string, text };
}

/** GitLab makes it with the fork's branch as its ref. */
function forksPipeline(mr: MergeRequest) {
  const pipeline = door.pipeline(mr, { project: fork, ref: mr.sourceBranch });
  return pipeline;
}

async function say(mr: MergeRequest, user: User, body: string): Promise<Note> {
  const note = (await t.gitlab.comment(t.project, mr.iid, user, body)) as Note;
  await until(`an answer to "${body}"`, () => note.emojis.length > 0, 10_000);
  return note;
}

const reactions = (note: Note) => note.emojis.map(({ name }) => name);
/** The reply to a comment; the emoji comes first. */
const replyTo = (mr: MergeRequest, note: Note) =>
  until(
    'a reply',
    () =>
      t.gitlab.notes(t.project, mr.iid).find(({ body }) => body.includes(`branch-deployments:reply:${note.id} `))?.body,
    10_000,
  );
const serves = (url: string, answer: string) =>
  until(`${url} to answer ${answer}`, async () => (await t.preview(url)).body === answer, 10_000);
const noteSays = (mr: MergeRequest, text: string) =>
  until(
    () => `the note of !${mr.iid} to say "${text}":\n${t.note(mr.iid)?.body}`,
    () => t.note(mr.iid)?.body.includes(text) === true,
    10_000,
  );
const instancesOf = async (mr: MergeRequest) =>
  (await runtime.list()).filter((name) => name.startsWith(`mr-${mr.iid}-`));
const exitOf = async (deployed: Deployed) =>
  /^exit (\d+)$/m.exec((await door.call('GET', 'outcome', { token: deployed.token })).text)?.[1];

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

function member(name: string, level: number): User {
  const user = t.gitlab.addUser(name);
  t.gitlab.addMember(t.project, user, level);
  return user;
}

describe('a pipeline in the fork', () => {
  let mr: MergeRequest;

  it('is refused where GitLab does not show it to the service, and the message says what to do', async () => {
    mr = await open('theirs');
    const pipeline = forksPipeline(mr);
    const answer = await door.deploy(await door.token(door.job(pipeline)), mr.iid, {
      merge_request_project_id: String(t.project.id),
    });
    expect(answer).toMatchObject({
      status: 403,
      text: expect.stringContaining(
        `Pipeline ${pipeline.id} of project ${fork.id} is not among the pipelines of merge request !${mr.iid} of project ${t.project.id}`,
      ),
    });
    expect(answer.text).not.toContain('data/shop');
  });

  it('deploys once approved; an environment out of reach is said once, and left alone', async () => {
    t.gitlab.addMember(fork, t.bot, 20);
    ensureEnvironment(t.gitlab, fork.id, { name: `review/mr-${mr.iid}` });
    const deployed = await deploy(mr, 'theirs', 'fork');
    expect(deployed.text).toMatch(/exit 2\n$/);
    expect(reactions(await say(mr, t.dev, `/deploy ${mr.sha}`))).toEqual(['thumbsup']);
    await serves(deployed.url, 'theirs');
    const said = () => t.logLines.filter((line) => line.includes('an environment of a fork is out of reach')).length;
    await until('the log to say so', () => said() > 0, 10_000);
    const asked = () =>
      t.gitlab.requests.filter(({ path }) => path.includes(`/projects/${fork.id}/environments`)).length;
    const before = asked();
    expect(reactions(await say(mr, t.dev, '/deploy'))).toEqual(['thumbsup']);
    await until('it to be asked for again', () => asked() > before, 10_000);
    await t.settled();
    expect(said()).toBe(1);
    expect(t.gitlab.environment(t.project, `review/mr-${mr.iid}`)).toBeUndefined();
  });

  it('has the environment in the fork, with its link, where the service may change it', async () => {
    t.gitlab.addMember(fork, t.bot, 30);
    await say(mr, t.dev, `/deploy ${mr.sha}`);
    const name = `review/mr-${mr.iid}`;
    const url = await until('the link', () => t.gitlab.environment(fork, name)?.externalUrl ?? undefined, 10_000);
    expect((await t.preview(url)).body).toBe('theirs');
    await t.gitlab.closeMergeRequest(mr, t.dev);
    await until('it to be stopped', () => t.gitlab.environment(fork, name)?.state === 'stopped', 10_000);
    await t.gitlab.reopenMergeRequest(mr, t.dev);
    await until('it to be available', () => t.gitlab.environment(fork, name)?.state === 'available', 10_000);
  });

  it('is left to GitLab where the branch that its environment needs is gone', async () => {
    const environment = t.gitlab.environment(fork, `review/mr-${mr.iid}`) as Environment;
    await t.gitlab.deleteBranch(fork, mr.sourceBranch, { author: stranger });
    environment.state = 'stopped';
    await say(mr, t.dev, `/deploy ${mr.sha}`);
    await until('GitLab to refuse it', () =>
      t.gitlab.requests.some(
        ({ method, path, status }) =>
          method === 'POST' && path.startsWith(`/api/v4/projects/${fork.id}/deployments`) && status === 400,
      ),
    );
    await t.settled();
    expect(t.logLines.filter((line) => line.includes('work failed'))).toEqual([]);
  });

  it("stops what is its own with the fork's stop job", async () => {
    const job = door.job(forksPipeline(mr), { name: 'branch-deployment:stop', environmentAction: 'stop' });
    const answer = await door.stop(await door.token(job), mr.iid, '', {
      merge_request_project_id: String(t.project.id),
    });
    expect(answer.text).toContain('say The branch deployment is being removed.');
    await until('its instance to be gone', async () => (await instancesOf(mr)).length === 0);
  });

  it('is refused where the token names another source than the merge request has', async () => {
    const own = await t.openMergeRequest('own', { 'README.md': 'own' });
    const token = await door.token(door.job(door.pipeline(own)), { project_id: String(fork.id) });
    expect(await door.deploy(token, own.iid)).toMatchObject({
      status: 403,
      text: expect.stringContaining(`The ID token says that the code is of project ${fork.id}`),
    });
  });

  it("binds to its own merge request only, and learns nothing of others' projects", async () => {
    const victim = await t.openMergeRequest('victim', { 'README.md': 'v' });
    const secret = await t.gitlab.addProject({ path: 'data/secret-plans' });
    t.gitlab.addMember(secret, t.bot, 30);
    const hidden = await t.gitlab.addProject({ path: 'elsewhere/hidden' });
    const token = await door.token(door.job(forksPipeline(mr)));
    for (const [iid, project] of [
      [victim.iid, t.project],
      [1, secret],
      [1, hidden],
    ] as const) {
      const answer = await door.deploy(token, iid, { merge_request_project_id: String(project.id) });
      expect(answer.status).toBe(403);
      expect(answer.text).toContain(`is not among the pipelines of merge request !${iid} of project ${project.id}`);
      expect(answer.text).not.toMatch(/secret-plans|hidden|data\/shop/);
    }
    // Nor does a pipeline of the target that names another merge request.
    const own = await door.token(door.job(door.pipeline(victim)));
    const crossed = await door.deploy(own, mr.iid, { merge_request_project_id: String(t.project.id) });
    expect(crossed).toMatchObject({ status: 403, text: expect.stringContaining(`belongs to !${victim.iid}`) });
  });
});

describe("an upload that is not the commit's", () => {
  const app = { path: APP_FILE, content: 'start: x\n' };

  it.each([
    ['changes a file', [app, { path: ANSWER_FILE, content: 'evil' }], `"${ANSWER_FILE}"`],
    ['brings another file', [app, { path: 'run/evil.js', content: 'evil' }], '"run/evil.js"'],
    [
      'has a link where the commit has a file',
      [app, { path: ANSWER_FILE, type: 'SymbolicLink', linkpath: APP_FILE }],
      `"${ANSWER_FILE}"`,
    ],
  ] as const)('is refused where it %s', async (what, entries, named) => {
    const branch = what.replaceAll(' ', '-');
    const mr = await open(branch, 'harmless');
    const before = t.bundles().length;
    const token = await door.token(door.job(door.pipeline(mr)));
    await door.deploy(token, mr.iid);
    expect(await door.upload(token, makeArchive([...entries]))).toMatchObject({
      status: 422,
      text: expect.stringMatching(
        new RegExp(`only the files of its commit ${mr.sha.slice(0, 8)} itself are taken.*: ${named}\\.`),
      ),
    });
    expect(t.bundles()).toHaveLength(before);
    // An approval of the harmless commit starts nothing else.
    expect(reactions(await say(mr, t.dev, `/deploy ${mr.sha}`))).toEqual(['thumbsup']);
    await t.settled();
    expect(await instancesOf(mr)).toEqual([]);
  });

  it('is taken where it leaves files out', async () => {
    const mr = await open('less');
    const token = await door.token(door.job(door.pipeline(mr)));
    await door.deploy(token, mr.iid);
    expect((await door.upload(token, makeArchive([app]))).text).toMatch(/exit 2\n$/);
  });
});

describe('when many wait for approval', () => {
  it('no more are taken than may wait; what is approved first is deployed at once', async () => {
    const many: MergeRequest[] = [];
    for (let n = 1; n <= 5; n += 1) many.push(await open(`many-${n}`));
    const last = many.pop() as MergeRequest;
    for (const mr of many) {
      const token = await door.token(door.job(door.pipeline(mr)));
      if ((await door.deploy(token, mr.iid)).status !== 200) continue;
      await door.upload(token, makeArchive([{ path: APP_FILE, content: 'start: x\n' }]));
    }
    expect(await door.deploy(await door.token(door.job(door.pipeline(last))), last.iid)).toMatchObject({
      status: 403,
      text: expect.stringContaining(
        `the code of 4 others waits for approval already, so this was not taken. Let a Developer of data/shop approve it first, with the comment  /deploy ${last.sha}  in !${last.iid};`,
      ),
    });
    expect(reactions(await say(last, t.dev, `/deploy ${last.sha}`))).toEqual(['thumbsup']);
    await serves((await deploy(last, 'many-5')).url, 'many-5');
    for (const mr of [...many, last]) await t.gitlab.closeMergeRequest(mr, stranger);
    await t.settled();
  });
});

describe('when forks are not allowed any more', () => {
  it('nothing of a fork is started again, taken or approved', async () => {
    const mr = await open('late');
    const deployed = await deploy(mr, 'late');
    await say(mr, t.dev, `/deploy ${mr.sha}`);
    await serves(deployed.url, 'late');
    const [instance] = await instancesOf(mr);
    const { starts } = runtime;
    await t.stopService();
    await runtime.stop(instance as string);
    await t.startService({ BD_FORKS: 'never' });

    await noteSays(mr, 'code of forks does not run here');
    expect(await replyTo(mr, await say(mr, t.dev, `/deploy ${mr.sha}`))).toContain('code of forks does not run here');
    for (const where of ['target', 'fork'] as const) {
      const pipeline = where === 'fork' ? forksPipeline(mr) : door.pipeline(mr);
      const answer = await door.deploy(await door.token(door.job(pipeline)), mr.iid, {
        merge_request_project_id: String(t.project.id),
      });
      expect(answer).toEqual({
        status: 403,
        text: `Merge request !${mr.iid} comes from a fork: its code does not run here (BD_FORKS=never).\n`,
      });
    }
    expect(await instancesOf(mr)).toEqual([]);
    expect(runtime.starts).toBe(starts);
  });
});
