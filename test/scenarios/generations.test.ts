import { execFile } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { rows } from '../reconcile/sweep/swept-world.ts';
import { makeArchive } from '../store/bundles/archives.ts';
import type { Job, MergeRequest } from '../support/gitlab/state.ts';
import { InstantRuntime } from '../support/instant-runtime.ts';
import { freePort, until } from '../support/poll.ts';
import { buildService } from '../support/service-process.ts';
import { surroundings } from '../support/surroundings.ts';
import { nodeServer, openWorld, startWorld, type World } from '../support/world.ts';
import { CiDoor } from './ci-door.ts';
import { answering, deploy } from './live.ts';

let t: World;
let door: CiDoor;

beforeAll(async () => {
  t = await openWorld({ pipelines: false });
  door = new CiDoor(t);
});
afterAll(() => t.close());

const app = (text: string, appFile = 'start: exec node server.mjs\nhealth: /healthz\n', source = nodeServer(text)) =>
  makeArchive([
    { path: '.branch-deployment.yml', content: appFile },
    { path: 'server.mjs', content: source },
  ]);

/** The first call of a deploy job of the merge request's head. */
async function begin(mr: MergeRequest) {
  const pipeline = door.pipeline(mr);
  const job = door.job(pipeline);
  const token = await door.token(job);
  const url = /^url (\S+)/m.exec((await door.deploy(token, mr.iid)).text)?.[1] as string;
  return { pipeline, job, token, url };
}
/** And its second one. */
async function start(mr: MergeRequest, archive: Buffer) {
  const begun = await begin(mr);
  await door.upload(begun.token, archive);
  return begun;
}
const exitOf = async (token: string) => /^exit (\d+)/m.exec((await door.call('GET', 'outcome', { token })).text)?.at(1);
const logOf = async (token: string) => (await door.call('GET', 'log', { token })).text;
const instancesOf = (mr: MergeRequest) =>
  t
    .instances()
    .filter((name) => name.startsWith(`mr-${mr.iid}-`))
    .map((name) => name.slice(-2));
const open = (branch: string) => t.openMergeRequest(branch, { 'README.md': branch });

describe('a newer push', () => {
  it('supersedes the deploy that is under way, whose job ends with 0 and says why', async () => {
    const mr = await open('running');
    const older = await start(mr, app('one', 'prepare: sleep 600\nstart: exec node server.mjs\n'));
    await until('the older to be set up', () => instancesOf(mr).length === 1);
    await t.push('running', { 'README.md': 'newer' });
    const newer = await start(mr, app('two'));
    await until('the newer to be there', async () => (await exitOf(newer.token)) === '0');
    expect(await exitOf(older.token)).toBe('0');
    expect(await logOf(older.token)).toContain(`Superseded: a newer push is there (${mr.sha.slice(0, 8)}).`);
    expect((await t.preview(newer.url)).body).toBe('two');
    await until('the older to be gone', () => instancesOf(mr).join() === 'r2');
  });

  it('supersedes the one that waits for a place', async () => {
    const runtime = new InstantRuntime();
    const world = await startWorld({ pipelines: false, runtime, env: { BD_MAX_RUNNING: '1' } });
    const there = new CiDoor(world);
    await deploy(there, await world.openMergeRequest('first', { 'README.md': 'first' }), 'first');
    const mr = await world.openMergeRequest('waits', { 'README.md': 'waits' });
    const tokens: string[] = [];
    for (const text of ['one', 'two']) {
      await world.push('waits', { 'README.md': text });
      const token = await there.token(there.job(there.pipeline(mr)));
      await there.deploy(token, mr.iid);
      await there.upload(token, answering(text));
      tokens.push(token);
    }
    const [older, newer] = tokens as [string, string];
    const outcome = (token: string) => there.call('GET', 'outcome', { token });
    await until('the older job to end', async () => /^exit 0/m.test((await outcome(older)).text));
    expect((await there.call('GET', 'log', { token: older })).text).toContain('Superseded: a newer push is there');
    expect((await outcome(newer)).text).not.toMatch(/^exit/m);
    await world.gitlab.closeMergeRequest(world.gitlab.mergeRequest(world.project, 1), world.dev);
    await until('the newer job to end', async () => /^exit 0/m.test((await outcome(newer)).text));
    expect(await runtime.list()).toEqual([expect.stringMatching(/^mr-2-.*-r2$/)]);
  });

  it('stays where the older archive comes last, of which nothing is kept', async () => {
    const mr = await open('crossed');
    const older = await begin(mr);
    await t.push('crossed', { 'README.md': 'newer' });
    const newer = await start(mr, app('two'));
    const bundles = t.bundles();
    const answer = await door.upload(older.token, app('one'));
    expect(answer.text).toContain('say A newer pipeline has deployed meanwhile: this one does nothing.');
    expect(answer.text).toMatch(/^exit 0$/m);
    await until('the newer to be there', async () => (await t.preview(newer.url)).body === 'two');
    expect([instancesOf(mr), t.bundles()]).toEqual([['r1'], bundles]);
  });
});

describe('a merge request that is closed', () => {
  it('while the first call of its first deploy job is answered is looked at again', async () => {
    const mr = await open('close-unknown');
    const token = await door.token(door.job(door.pipeline(mr)));
    t.gitlab.faults.add({ match: { path: /commits\/[0-9a-f]{40}$/ }, times: 1, act: { delayMs: 1_000 } });
    const reads = () => t.gitlab.requests.filter(({ path }) => path.endsWith(`/merge_requests/${mr.iid}`)).length;
    const answer = door.deploy(token, mr.iid);
    await until('it to be read as open', () => reads() === 1);
    await t.gitlab.closeMergeRequest(mr, t.dev);
    await t.gitlab.webhooksSettled();

    expect((await answer).status).toBe(200);
    await until('it to be read again', () => reads() === 2);
    await until(
      'it to be known as closed',
      () => rows<{ state: string }>(t, 'select state from merge_requests where iid = ?', mr.iid)[0]?.state === 'closed',
    );
  });

  it.each([
    ['setup', 'setup: sleep 600\nstart: exec node server.mjs\n'],
    ['start', 'start: sleep 600; exec node server.mjs\n'],
    ['health', 'start: exec node server.mjs\nhealth: /healthz\n'],
  ])('while its app is at "%s" leaves no instance, and its job ends with 0', async (step, appFile) => {
    const mr = await open(`close-${step}`);
    const neverHealthy = nodeServer('x').replace("res.end('ok')", 'res.writeHead(503).end()');
    const { token } = await start(mr, app('x', appFile, neverHealthy));
    await until('the instance', () => instancesOf(mr).length === 1);
    await t.gitlab.closeMergeRequest(mr, t.dev);
    await until('the job to end', async () => (await exitOf(token)) === '0');
    expect(await logOf(token)).toContain('Superseded: the merge request was closed.');
    await until('the instance to be gone', () => instancesOf(mr).length === 0);
  });

  it('while its archive is on its way deploys nothing, and keeps nothing of it', async () => {
    const mr = await open('close-upload');
    const { token } = await begin(mr);
    const bundles = t.bundles();
    const archive = app('late');
    let rest: () => void = () => {};
    const closed = new Promise<void>((resolve) => {
      rest = resolve;
    });
    const body = new ReadableStream<Uint8Array>({
      async start(controller) {
        controller.enqueue(archive.subarray(0, 20));
        await closed;
        controller.enqueue(archive.subarray(20));
        controller.close();
      },
    });
    const answer = fetch(`${t.serviceUrl}/api/ci/v1/source`, {
      method: 'PUT',
      headers: { 'bd-component': '1.0.0', authorization: `Bearer ${token}` },
      body,
      duplex: 'half',
    } as RequestInit);
    await t.gitlab.closeMergeRequest(mr, t.dev);
    await t.settled();
    rest();
    const text = await (await answer).text();
    expect(text).toContain('say The merge request is closed meanwhile: nothing is deployed.');
    expect(text).toMatch(/^exit 0$/m);
    await t.settled();
    expect([instancesOf(mr), t.bundles()]).toEqual([[], bundles]);
  });

  it('and reopened with a push at once runs that push alone', async () => {
    const mr = await open('again');
    const first = await start(mr, app('one'));
    await until('it to be there', async () => (await exitOf(first.token)) === '0');
    await t.gitlab.closeMergeRequest(mr, t.dev);
    await t.gitlab.reopenMergeRequest(mr, t.dev);
    await t.push('again', { 'README.md': 'two' });
    const { token, url } = await start(mr, app('two'));
    await until('the push to be there', async () => (await exitOf(token)) === '0');
    await until('it alone to be left', () => instancesOf(mr).length === 1);
    await t.settled();
    expect((await t.preview(url)).body).toBe('two');
    expect(t.note(mr.iid)?.body).toContain(mr.sha.slice(0, 8));
    expect(t.note(mr.iid)?.body).toContain('Running');
  });
});

describe('a deploy job that is cancelled', () => {
  const cancel = (job: Job) => t.gitlab.setJobStatus(job, 'canceled');

  it('by a person ends its own waiting only: what it handed over comes up, and a retry of it finds that', async () => {
    const mr = await open('cancelled');
    const { job, pipeline, url } = await start(mr, app('on', 'prepare: sleep 1\nstart: exec node server.mjs\n'));
    cancel(job);
    t.gitlab.setPipelineStatus(pipeline, 'canceled');
    await until('the preview', async () => (await t.preview(url)).body === 'on');
    const token = await door.token(door.job(pipeline));
    await door.deploy(token, mr.iid);
    expect((await door.upload(token, app('on', 'prepare: sleep 1\nstart: exec node server.mjs\n'))).text).toContain(
      'say The same files of the same commit are deployed already (revision 1).',
    );
    expect([await exitOf(token), instancesOf(mr)]).toEqual(['0', ['r1']]);
  });

  it('by GitLab because of the merge leaves nothing', async () => {
    const mr = await open('merged');
    const bundles = t.bundles();
    const { job, pipeline, url } = await start(mr, app('x', 'prepare: sleep 600\nstart: exec node server.mjs\n'));
    await until('the instance', () => instancesOf(mr).length === 1);
    await t.gitlab.mergeMergeRequest(mr, t.dev);
    cancel(job);
    t.gitlab.setPipelineStatus(pipeline, 'canceled');
    await until('the instance to be gone', () => instancesOf(mr).length === 0);
    await t.settled();
    expect([(await t.preview(url)).status, t.bundles()]).toEqual([410, bundles]);
    expect(t.note(mr.iid)?.body).toContain('merged');
    expect(t.note(mr.iid)?.body).not.toContain('Deploying');
  });
});

describe('what a person asks for last counts', () => {
  it('a stop job that was queued before /deploy does nothing', async () => {
    const mr = await open('stop-and-deploy');
    const { pipeline, url, token } = await start(mr, app('x'));
    await until('it to be there', async () => (await exitOf(token)) === '0');
    const stop = door.job(pipeline, { name: 'branch-deployment:stop', environmentAction: 'stop' });
    stop.startedAt = t.gitlab.time();
    const note = await t.gitlab.comment(t.project, mr.iid, t.dev, '/deploy');
    await until('it to be obeyed', () => note?.emojis.at(-1)?.name === 'thumbsup');
    const answer = await door.stop(await door.token(stop), mr.iid);
    expect(answer.text).toContain('say The branch was deployed again after this stop job was queued');
    await t.settled();
    expect((await t.preview(url)).body).toBe('x');
  });

  it('a stop job that finds the merge request closed stops all its apps, also where the webhook was lost', async () => {
    const mr = await open('two-apps');
    const pipeline = door.pipeline(mr);
    const tokens: string[] = [];
    for (const name of ['web', 'api']) {
      const token = await door.token(door.job(pipeline, { environmentName: `review/${name}-${mr.iid}` }));
      await door.deploy(token, mr.iid, { app: name });
      await door.upload(token, app(name));
      tokens.push(token);
    }
    for (const token of tokens) await until('both to be there', async () => (await exitOf(token)) === '0');
    // The look that follows a deploy is behind it.
    t.clock.goOn(3_000);
    await t.gitlab.updateMergeRequest(mr, t.dev, { title: 'Two apps' });
    await t.settled();
    const hooks = t.project.hooks.splice(0);
    await t.gitlab.closeMergeRequest(mr, t.dev);
    const stop = door.job(pipeline, { environmentName: `review/web-${mr.iid}`, environmentAction: 'stop' });
    await door.stop(await door.token(stop), mr.iid, 'web');
    t.project.hooks.push(...hooks);
    await until('both to be gone', () => instancesOf(mr).length === 0);
    await until('the note to tell it', () => t.note(mr.iid)?.body.match(/Stopped<br>closed/g)?.length === 2);
  });

  it('a redeploy that nobody has acted on yet is not done any more after a stop', async () => {
    const mr = await open('redeploy-and-stop');
    const { url, token } = await start(mr, app('x'));
    await until('it to be there', async () => (await exitOf(token)) === '0');
    const name = new URL(url).hostname.split('.')[0];
    // The truth about the merge request comes late, so both are recorded before anything is done.
    t.gitlab.faults.add({ match: { method: 'GET', path: /\/merge_requests\/\d+$/ }, act: { delayMs: 500 }, times: 1 });
    for (const act of ['redeploy', 'stop']) {
      const headers = { 'private-token': t.dev.tokens[0] as string };
      const answer = await fetch(`${t.serviceUrl}/api/deployments/${name}/${act}`, { method: 'POST', headers });
      expect(answer.status).toBe(202);
    }
    await t.settled();
    expect([(await t.preview(url)).status, instancesOf(mr)]).toEqual([410, []]);
  });
});

it('a second service on the same data folder refuses to start, and says which process has it', async () => {
  const { main, dispose } = await buildService();
  onTestFinished(dispose);
  const env = { ...surroundings(), ...t.env, BD_LISTEN: `127.0.0.1:${await freePort()}` };
  const ended = await new Promise<{ code: unknown; stderr: string }>((resolve) => {
    execFile(process.execPath, [main, 'serve'], { env }, (error, _stdout, stderr) =>
      resolve({ code: error?.code, stderr }),
    );
  });
  expect(ended).toEqual({
    code: 1,
    stderr: `The service cannot start. The data folder ${t.dataDir} is in use by another service (process ${process.pid}). One service at a time: stop that one, or give this one another BD_DATA_DIR.\n`,
  });
  expect((await fetch(`${t.serviceUrl}/healthz`)).status).toBe(200);
});
