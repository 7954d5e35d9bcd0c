import { randomBytes } from 'node:crypto';
import { readdirSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Launch, LaunchPlan } from '../../src/deployment/launch.ts';
import type { InstanceLog, InstanceRef, Observation, Source } from '../../src/runtimes/runtime.ts';
import { rows } from '../reconcile/sweep/swept-world.ts';
import { makeArchive } from '../store/bundles/archives.ts';
import type { MergeRequest } from '../support/gitlab/state.ts';
import { InstantRuntime } from '../support/instant-runtime.ts';
import { until } from '../support/poll.ts';
import { openWorld, type World } from '../support/world.ts';
import { CiDoor } from './ci-door.ts';
import { answering, deploy } from './live.ts';

/** Tells what an instance would be given. */
class SeeingRuntime extends InstantRuntime {
  readonly looks: string[] = [];
  private readonly launches = new Map<string, Launch>();

  override start(instance: InstanceRef, launch: Launch, source: Source, log: InstanceLog): Promise<void> {
    this.launches.set(instance.name, launch);
    return super.start(instance, launch, source, log);
  }

  override observe(name: string): Promise<Observation> {
    this.looks.push(name);
    return super.observe(name);
  }

  get newest(): string | undefined {
    return [...this.launches.keys()].at(-1);
  }

  /** Plan of the newest instance. */
  async plan(): Promise<LaunchPlan> {
    const name = this.newest as string;
    const launch = this.launches.get(name) as Launch;
    const folders = { tree: '/tree', work: '/work', data: '/data', shared: '/shared' };
    return launch.plan({ name, ...folders, host: '127.0.0.1', ports: { http: 1 } });
  }

  async given(): Promise<unknown> {
    return (await this.plan()).processes[0].secret;
  }
}

const key = () => randomBytes(32).toString('base64');
const OLD_KEY = key();
const NEW_KEY = key();
const HANDED = { variables: 'API_KEY', 'value.API_KEY': 'first value' };
const runtime = new SeeingRuntime();
let t: World;
let door: CiDoor;

beforeAll(async () => {
  t = await openWorld({ pipelines: false, runtime, env: { BD_SECRET_KEY: OLD_KEY } });
  door = new CiDoor(t);
});
afterAll(() => t.close());

const open = (branch: string) => t.openMergeRequest(branch, { 'README.md': branch });
const revisions = (mr: MergeRequest) =>
  rows<{ number: number; state: string; message: string | null; sealed: string | null }>(
    t,
    `select r.number, r.state, r.message, r.sealed_variables as sealed from revisions r
     join deployments d on d.id = r.deployment_id where d.ref = ? order by r.number`,
    `mr-${mr.iid}`,
  );
const sealedJobs = (mr: MergeRequest) =>
  rows(
    t,
    'select id from jobs where sealed_variables is not null and deployment_id in (select id from deployments where ref = ?)',
    `mr-${mr.iid}`,
  );
const newest = (mr: MergeRequest) => revisions(mr).at(-1);

async function redeploy(mr: MergeRequest): Promise<void> {
  const { number = 0 } = newest(mr) ?? {};
  await t.gitlab.comment(t.project, mr.iid, t.dev, '/deploy');
  await until('the redeploy', () => (newest(mr)?.number ?? 0) > number && newest(mr)?.state !== 'queued');
  await until('its end', () => ['healthy', 'failed'].includes(newest(mr)?.state ?? ''));
}

describe('the same files of the same commit', () => {
  it('with the same values are there already, with another value, or another spelling of the input, are a new revision', async () => {
    const mr = await open('same');
    const first = await deploy(door, mr, 'same', HANDED);
    const again = await deploy(door, mr, 'same', HANDED);
    expect(first.exit + again.exit).toBe('00');
    expect(revisions(mr)).toHaveLength(1);

    await deploy(door, mr, 'same', { ...HANDED, 'value.API_KEY': 'second value' });
    expect(revisions(mr)).toHaveLength(2);
    expect(await runtime.given()).toEqual({ API_KEY: 'second value' });
    await deploy(door, mr, 'same', { variables: 'API_KEY', 'file.API_KEY': 'second value' });
    expect(await runtime.given()).toEqual({ API_KEY: '/work/variables/API_KEY' });
    expect((await runtime.plan()).files).toEqual([{ path: '/work/variables/API_KEY', content: 'second value' }]);
  });
});

describe('what was handed over', () => {
  it('is given again after /deploy, and after close and reopen; it goes when the merge request is merged', async () => {
    const mr = await open('kept');
    await deploy(door, mr, 'kept', HANDED);
    await redeploy(mr);
    expect(await runtime.given()).toEqual({ API_KEY: 'first value' });

    const unsent = await door.token(door.job(door.pipeline(mr)));
    await door.deploy(unsent, mr.iid, HANDED);
    expect(sealedJobs(mr)).toHaveLength(1);
    await t.gitlab.closeMergeRequest(mr, t.dev);
    await until('those of the job to go', () => sealedJobs(mr).length === 0);
    expect((await door.upload(unsent, answering('kept'))).text).toContain('nothing is deployed.\nexit 0\n');
    await until('it to be gone', () => runtime.names().every((name) => !name.startsWith(`mr-${mr.iid}-`)));
    const { number = 0 } = newest(mr) ?? {};
    await t.gitlab.reopenMergeRequest(mr, t.dev);
    await until('it to be back', () => newest(mr)?.number === number + 1 && newest(mr)?.state === 'healthy');
    expect(await runtime.given()).toEqual({ API_KEY: 'first value' });

    expect(await door.upload(unsent, answering('kept'))).toMatchObject({
      status: 409,
      text: expect.stringContaining('Run this job again.'),
    });
    await t.gitlab.mergeMergeRequest(mr, t.dev);
    await until('all of them to go', () => revisions(mr).every(({ sealed }) => sealed === null));
  });

  it('goes with the code that it belongs to', async () => {
    const mr = await open('swept');
    await deploy(door, mr, 'swept, one', HANDED);
    await t.push('swept', { 'README.md': 'two' });
    await deploy(door, mr, 'swept, two', HANDED);
    expect(revisions(mr).map(({ sealed }) => sealed !== null)).toEqual([true, true]);
    // The first one was good before the second: only the newest, the live and the last good one may run again.
    const bundles = join(t.dataDir, 'bundles');
    for (const name of readdirSync(bundles)) utimesSync(join(bundles, name), new Date(0), new Date(0));
    await t.service.sweep();
    await until('the first ones to go', () => revisions(mr)[0]?.sealed === null);
    expect(revisions(mr)[1]?.sealed).toEqual(expect.any(String));
  });
});

describe('the key', () => {
  const restart = async (BD_SECRET_KEY: string) => {
    await t.stopService();
    await t.startService({ BD_SECRET_KEY });
  };

  it('may be followed by another one; without the one that sealed them it fails, and says what to do', async () => {
    const mr = await open('rotated');
    await deploy(door, mr, 'rotated', HANDED);
    await restart(`${NEW_KEY}, ${OLD_KEY}`);
    await redeploy(mr);
    expect(newest(mr)?.state).toBe('healthy');
    expect(await runtime.given()).toEqual({ API_KEY: 'first value' });

    await restart(NEW_KEY);
    await redeploy(mr);
    expect(newest(mr)).toMatchObject({
      state: 'failed',
      message: expect.stringMatching(
        /were sealed with a key \(id \w+\) that BD_SECRET_KEY does not hold\. .* run the deploy job again/,
      ),
    });
    // A job hands them over anew; what cannot be opened is like nothing else.
    expect((await deploy(door, mr, 'rotated', HANDED)).exit).toBe('0');
    expect(await runtime.given()).toEqual({ API_KEY: 'first value' });
  });

  it('is not needed while an instance starts and says nothing, and is before it gets traffic', async () => {
    const mr = await open('silent');
    const begin = async (inputs: Record<string, string>) => {
      runtime.hold();
      const token = await door.token(door.job(door.pipeline(mr)));
      await door.deploy(token, mr.iid, inputs);
      await door.upload(token, answering('silent'));
      await until('it to be launched', () => newest(mr)?.state === 'starting');
      await restart(NEW_KEY);
      const looks = () => runtime.looks.filter((name) => name === runtime.newest).length;
      const before = looks();
      await until('it to be looked at', () => looks() > before + 2);
      expect(newest(mr)?.state).toBe('starting');
    };
    await restart(OLD_KEY);
    await begin(HANDED);
    await restart(OLD_KEY);
    runtime.letGo();
    await until('it to be healthy', () => newest(mr)?.state === 'healthy');

    await begin({ ...HANDED, 'value.API_KEY': 'another value' });
    runtime.letGo();
    await until('it to fail', () => newest(mr)?.state === 'failed');
    expect(newest(mr)?.message).toContain('were sealed with a key');
  });

  it('that is missing is asked for before anything is sent', async () => {
    await restart('');
    const mr = await open('no-key');
    const token = await door.token(door.job(door.pipeline(mr)));
    expect(await door.deploy(token, mr.iid, HANDED)).toMatchObject({
      status: 422,
      text: expect.stringContaining('Its operator sets BD_SECRET_KEY, to the output of: openssl rand -base64 32'),
    });
    expect(await door.deploy(token, mr.iid, { setup_variables: 'NPM_TOKEN', 'value.NPM_TOKEN': 'x' })).toMatchObject({
      status: 200,
    });
    await restart(OLD_KEY);
  });
});

describe('variables for setup', () => {
  const SETUP = { setup_variables: 'NPM_TOKEN', 'value.NPM_TOKEN': 'npm-12345' };
  const LOST = 'It is set up without the variables NPM_TOKEN (setup_variables): they are never stored';
  const archive = makeArchive([{ path: '.branch-deployment.yml', content: 'setup: npm ci\nstart: unused\n' }]);

  it('are for the steps alone', async () => {
    const mr = await open('setup');
    const { log } = await door.play(door.job(door.pipeline(mr)), mr.iid, archive, { ...HANDED, ...SETUP });
    const { steps, processes } = await runtime.plan();
    expect(steps.map(({ secret }) => secret)).toEqual([{ API_KEY: 'first value', NPM_TOKEN: 'npm-12345' }]);
    expect(processes.map(({ secret }) => secret)).toEqual([{ API_KEY: 'first value' }]);
    expect(log).not.toContain(LOST);
  });

  it('are not there after a restart, which the log and the note say', async () => {
    const mr = await open('restarted');
    const token = await door.token(door.job(door.pipeline(mr)));
    await door.deploy(token, mr.iid, SETUP);
    await t.stopService();
    await t.startService();
    await door.upload(
      token,
      makeArchive([
        { path: '.branch-deployment.yml', content: 'start: unused\n' },
        { path: 'exit.txt', content: '3' },
      ]),
    );
    const { text } = await door.call('GET', 'log', { token });
    expect(text).toContain(LOST);
    await until('the note', () => t.note(mr.iid)?.body.includes('It is set up without the variables'));
    expect(newest(mr)?.message).toContain('Should setup or prepare need them, run that job again.');
  });
});
