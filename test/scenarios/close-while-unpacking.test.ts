import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { processesNaming } from '../runtimes/process-facts.ts';
import { makeArchive } from '../store/bundles/archives.ts';
import { ensureEnvironment } from '../support/gitlab/acts/environments.ts';
import type { MergeRequest } from '../support/gitlab/state.ts';
import { holdFile } from '../support/held-file.ts';
import { until } from '../support/poll.ts';
import { nodeServer, openWorld, type World } from '../support/world.ts';
import { CiDoor } from './ci-door.ts';

/** Comes before the system's programs. */
const programs = mkdtempSync(join(tmpdir(), 'bd-programs-'));
const copies = join(programs, 'copies');
/** Copies of kept setups into an instance do not end, those that are made ahead of time fail, and all others are as ever. */
const CP = `#!/bin/sh
case "$*" in
  */shared/setups/.unfinished-.spare-*) exit 1 ;;
  */shared/setups/*/instances/*) echo >> '${copies}'; exec sleep 600 ;;
esac
PATH="\${PATH#*${delimiter}}"
exec cp "$@"
`;

let t: World;
let door: CiDoor;

beforeAll(async () => {
  writeFileSync(join(programs, 'cp'), CP, { mode: 0o755 });
  t = await openWorld({ pipelines: false, env: { PATH: `${programs}${delimiter}${process.env.PATH}` } });
  door = new CiDoor(t);
});
afterAll(async () => {
  await t.close();
  rmSync(programs, { recursive: true });
});

/** A deploy job up to its archive, which ends with what cannot be packed. */
async function start(mr: MergeRequest, appFile: string) {
  ensureEnvironment(t.gitlab, mr.projectId, { name: `review/mr-${mr.iid}` });
  const token = await door.token(door.job(door.pipeline(mr)));
  const url = /^url (\S+)/m.exec((await door.deploy(token, mr.iid)).text)?.[1] as string;
  const files = [
    { path: '.branch-deployment.yml', content: `${appFile}\nstart: exec node server.mjs\nhealth: /healthz\n` },
    { path: 'server.mjs', content: nodeServer(mr.sha) },
    { path: 'package-lock.json', content: '{}' },
    { path: 'noise', content: randomBytes(128 * 1024) },
  ];
  await door.upload(token, makeArchive(files));
  return { token, url, name: new URL(url).hostname.split('.')[0] as string };
}
type Started = Awaited<ReturnType<typeof start>>;

const exitOf = async ({ token }: Started) =>
  /^exit (\d+)/m.exec((await door.call('GET', 'outcome', { token })).text)?.at(1);
const logOf = async ({ token }: Started) => (await door.call('GET', 'log', { token })).text;

/**
 * The archive of a push is unpacked while it arrives; again, and then by the start itself, where the service ended meanwhile.
 * Half of that is done, and the rest does not come.
 */
async function unpackedByHalf(branch: string) {
  const mr = await t.openMergeRequest(branch, { 'README.md': branch });
  const before = t.bundles();
  const prepare = `[ -e "$BRANCH_DEPLOYMENT_DATA_DIR/tried" ] || { echo > "$BRANCH_DEPLOYMENT_DATA_DIR/tried"; sleep 600; }`;
  const started = await start(mr, `prepare: '${prepare}'`);
  const deploymentFolder = join(t.dataDir, 'deployments', started.name);
  await until('its first start', () => existsSync(join(deploymentFolder, 'tried')));
  await t.stopService();
  const bundle = t.bundles().find((name) => !before.includes(name)) as string;
  const archive = await holdFile(join(t.dataDir, 'bundles', bundle));
  await t.startService();
  await archive.halfTaken;
  const half = join(t.dataDir, 'instances', `${started.name}-r1`, 'tree.unpacking');
  await until('half of it to be unpacked', () => existsSync(join(half, 'server.mjs')));
  return { mr, archive, started };
}

/** Its job has ended as superseded, and nothing of it is anywhere. */
async function expectGone(mr: MergeRequest, started: Started): Promise<void> {
  await until('the job to end', async () => (await exitOf(started)) === '0');
  expect(await logOf(started)).toContain('Superseded: the merge request was closed.');
  const ofIt = (folder: string) => readdirSync(join(t.dataDir, folder)).filter((name) => name.startsWith(started.name));
  await until('the instance to be gone', () => ofIt('instances').length === 0);
  await t.settled();
  const headers = { 'private-token': t.dev.tokens[0] as string };
  const answer = await fetch(`${t.serviceUrl}/api/deployments/${started.name}`, { headers });
  expect(await answer.json()).toMatchObject({ phase: 'stopped', stop_reason: 'closed', stop_error: null });
  expect([ofIt('instances'), ofIt('deployments'), processesNaming(started.name)]).toEqual([[], [], []]);
  expect(['trees', 'incoming'].flatMap((folder) => readdirSync(join(t.dataDir, 'bundles', folder)))).toEqual([]);
  expect((await t.preview(started.url)).status).toBe(410);
  expect(t.gitlab.environment(t.project, `review/mr-${mr.iid}`)?.state).toBe('stopped');
  expect(t.note(mr.iid)?.body).toContain('Stopped<br>closed');
}

describe('while the archive of a push is unpacked', () => {
  it('a close ends that, the job ends with 0, and nothing is left', async () => {
    const { mr, archive, started } = await unpackedByHalf('close');
    try {
      await t.gitlab.closeMergeRequest(mr, t.dev);
      await expectGone(mr, started);
      await archive.readerGone;
    } finally {
      await archive.putBack();
    }
  });

  it('the service ends all the same, and the next one unpacks it', async () => {
    const { archive, started, mr } = await unpackedByHalf('end');
    try {
      await t.stopService();
    } finally {
      await archive.putBack();
    }
    await t.startService();
    await until('the job to end', async () => (await exitOf(started)) === '0');
    expect((await t.preview(started.url)).body).toBe(mr.sha);
  });
});

it('while the outputs of an earlier setup are copied, a close ends that, and what is kept of them stays', async () => {
  const mr = await t.openMergeRequest('setup', { 'README.md': 'setup' });
  const setup =
    'setup: mkdir node_modules && echo made > node_modules/x\nsetup_inputs: [package-lock.json]\nsetup_outputs: [node_modules]';
  const first = await start(mr, setup);
  await until('the first to be there', async () => (await exitOf(first)) === '0');
  const setups = () => readdirSync(join(t.dataDir, 'shared', 'setups'));
  const kept = await until('one kept setup', () => (setups().length === 1 ? setups() : undefined));
  await t.push('setup', { 'README.md': 'again' });
  const second = await start(mr, setup);
  await until('the copy', () => existsSync(copies));

  await t.gitlab.closeMergeRequest(mr, t.dev);

  await expectGone(mr, second);
  expect(await exitOf(first)).toBe('0');
  // An attempt to copy it ahead of time, which fails here, may be under way.
  await until('only what is kept to be left', () => setups().join() === kept.join());
  expect(existsSync(join(t.dataDir, 'shared', 'setups', kept[0] as string, '0', 'x'))).toBe(true);
});
