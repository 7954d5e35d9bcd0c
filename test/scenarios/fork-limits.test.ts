import { beforeAll, describe, expect, it } from 'vitest';
import { makeArchive } from '../store/bundles/archives.ts';
import type { MergeRequest } from '../support/gitlab/state.ts';
import { ANSWER_FILE } from '../support/instant-runtime.ts';
import {
  APP_FILE,
  deploy,
  door,
  fork,
  forksPipeline,
  instancesOf,
  noteSays,
  open,
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
beforeAll(() => t.gitlab.addMember(fork, t.bot, 30));

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
