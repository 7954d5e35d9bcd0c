import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CiDoor } from '../scenarios/ci-door.ts';
import { makeArchive } from '../store/bundles/archives.ts';
import type { MergeRequest, Project, User } from '../support/gitlab/state.ts';
import { InstantRuntime } from '../support/instant-runtime.ts';
import { openWorld, type World } from '../support/world.ts';

// What an approval is, and what it is not: test/scenarios/forks.test.ts.

const runtime = new InstantRuntime();
let t: World;
let door: CiDoor;
let stranger: User;
let fork: Project;
let mr: MergeRequest;

beforeAll(async () => {
  t = await openWorld({ pipelines: false, runtime });
  door = new CiDoor(t);
  stranger = t.gitlab.addUser('stranger');
  fork = await t.gitlab.fork(t.project, stranger);
  // As a public fork: the service may read all of it.
  t.gitlab.addMember(fork, t.bot, 30);
  await t.gitlab.push(fork, 'evil', { files: { 'README.md': 'evil' }, author: stranger });
  mr = await t.gitlab.openMergeRequest(t.project, { sourceBranch: 'evil', sourceProject: fork, author: stranger });
});
afterAll(() => t.close());

const archive = makeArchive([
  { path: '.branch-deployment.yml', content: 'start: touch /tmp/pwned\n' },
  { path: 'answer.txt', content: 'evil' },
]);

/** Both calls of a deploy job, whatever the first was answered. */
async function everything(
  token: string,
  iid: number,
  inputs: Readonly<Record<string, string>> = {},
): Promise<number[]> {
  return [(await door.deploy(token, iid, inputs)).status, (await door.upload(token, archive)).status];
}

/** Nothing of it has run, is to run, or is kept. */
async function expectNothing(): Promise<void> {
  await t.settled();
  expect(await runtime.list()).toEqual([]);
  expect(runtime.starts).toBe(0);
  expect(t.bundles()).toEqual([]);
}

describe('CVE-2025-53825: code of strangers does not run by any way', () => {
  it('by a pipeline in the target project, which GitLab gives the rights of whoever started it', async () => {
    const token = await door.token(door.job(door.pipeline(mr)));
    expect(await everything(token, mr.iid)).toEqual([403, 409]);
    await expectNothing();
  });

  it('by a pipeline in the fork, whichever project it names', async () => {
    const pipeline = door.pipeline(mr, { project: fork, ref: 'evil' });
    const token = await door.token(door.job(pipeline));
    for (const project of [t.project.id, fork.id, 0, 999_999])
      for (const iid of [mr.iid, 1, 2, 999]) {
        const [deploy, upload] = await everything(token, iid, { merge_request_project_id: String(project) });
        expect([project, iid, deploy, upload]).toEqual([
          project,
          iid,
          expect.toSatisfy((status) => status === 403 || status === 422),
          409,
        ]);
      }
    await expectNothing();
  });

  it('by an ID token that says another project, pipeline or job than it was signed for', async () => {
    const job = door.job(door.pipeline(mr));
    const signed = (await door.token(job)).split('.');
    const own = JSON.parse(Buffer.from(signed[1] ?? '', 'base64url').toString()) as Record<string, string>;
    for (const forged of [
      { project_id: String(t.project.id), job_project_id: String(t.project.id) },
      { job_project_id: String(fork.id) },
      { pipeline_source: 'merge_request_event', pipeline_id: '1' },
    ]) {
      const payload = Buffer.from(JSON.stringify({ ...own, ...forged })).toString('base64url');
      expect(await everything(`${signed[0]}.${payload}.${signed[2]}`, mr.iid)).toEqual([401, 401]);
    }
    await expectNothing();
  });

  it('by a branch of the same name in the target project: that one is deployed, and not the fork', async () => {
    await t.push('evil', { 'README.md': 'our own' });
    const ours = await t.gitlab.openMergeRequest(t.project, { sourceBranch: 'evil', author: t.dev });
    const token = await door.token(door.job(door.pipeline(mr)));
    expect(await everything(token, ours.iid)).toEqual([403, 409]);
    await expectNothing();
    const own = await door.token(door.job(door.pipeline(ours, { sha: mr.sha })));
    expect((await everything(own, ours.iid))[0]).toBe(403);
    await expectNothing();
    await t.gitlab.closeMergeRequest(ours, t.dev);
  });

  it('by comments: its author has no say, and where forks never run nobody has', async () => {
    for (const [user, body] of [
      [stranger, '/deploy'],
      [stranger, `/deploy ${mr.sha}`],
      [t.dev, '/deploy'],
      [t.dev, `/deploy ${mr.sha}`],
    ] as const)
      await t.gitlab.comment(t.project, mr.iid, user, body);
    await expectNothing();
    expect(t.gitlab.pipelines(t.project).filter((one) => one.userId === t.bot.id)).toEqual([]);
  });

  it('by being merged, closed and reopened', async () => {
    await t.gitlab.closeMergeRequest(mr, stranger);
    await t.gitlab.reopenMergeRequest(mr, stranger);
    await expectNothing();
  });
});

describe('a head that edits the CI which deploys it (Hephaestus)', () => {
  it("cannot deploy into another merge request's environment, nor as another merge request", async () => {
    const open = (branch: string) => t.openMergeRequest(branch, { 'README.md': branch });
    const [victim, head] = [await open('victim'), await open('head')];
    const deployed = await door.deploy(await door.token(door.job(door.pipeline(victim))), victim.iid);
    expect(deployed.status).toBe(200);
    const name = `review/mr-${victim.iid}`;

    const asTheirs = door.job(door.pipeline(head), { environmentName: name });
    expect(await door.deploy(await door.token(asTheirs), head.iid)).toMatchObject({
      status: 422,
      text: expect.stringContaining(`The environment "${name}" is already that of`),
    });
    const asVictim = await door.token(door.job(door.pipeline(head)));
    expect((await door.deploy(asVictim, victim.iid)).status).toBe(403);
    const stop = door.job(door.pipeline(head), { environmentAction: 'stop', environmentName: name });
    expect((await door.stop(await door.token(stop), victim.iid)).status).toBe(403);
    for (const source of [
      'push',
      'web',
      'api',
      'trigger',
      'schedule',
      'parent_pipeline',
      'security_orchestration_policy',
    ]) {
      const job = door.job(door.pipeline(head, { source }));
      expect([source, (await door.deploy(await door.token(job), head.iid)).status]).toEqual([source, 403]);
    }
  });

  it('cannot raise what a job may send, or how it is read, by its inputs', async () => {
    const mine = await t.openMergeRequest('inputs', { 'README.md': 'inputs' });
    const token = await door.token(door.job(door.pipeline(mine)));
    for (const inputs of [
      { directory: '../../etc' },
      { directory: '/etc' },
      { context: '..' },
      { directory: 'a\0b' },
      { merge_request_iid: `${mine.iid} OR 1=1` },
      { merge_request_iid: '-1' },
      { timeout: '-1s' },
      { timeout: '1e9h' },
      { app: '../x' },
    ] as Array<Record<string, string>>)
      expect([inputs, (await door.deploy(token, mine.iid, inputs)).status]).toEqual([inputs, 422]);
  });
});
