import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readProbe } from '../../../src/changes/probe-release.ts';
import { SetupVariables } from '../../../src/deployment/setup-variables.ts';
import { changesReconciler } from '../../../src/reconcile/changes/changes.ts';
import { explainFileError } from '../../../src/store/bundles/refusals.ts';
import type { RevisionRow, WorkRow } from '../../../src/store/schema.ts';
import { SERVER, until } from '../../runtimes/apps.ts';
import { addDeployment } from '../../store/add-deployment.ts';
import { ComparedWorld, project, specOf } from './compared-world.ts';

let t: ComparedWorld;
beforeEach(async () => {
  t = await ComparedWorld.open();
});
afterEach(() => t.close());

it('is decided once for a revision, and its note is due', async () => {
  await t.passes();

  expect(t.changed()).toEqual(['new NEW', 'old REMOVED']);
  expect(t.noteIsDue()).toBe(true);
  const before = t.gitlab.requests.length;
  expect(await t.reconciler.reconcile(t.row.id)).toEqual({ done: true });
  expect(t.gitlab.requests.length).toBe(before);
});

it('is not decided while GitLab is away or limits archives, and is when it is back; the branch is not read again', async () => {
  const commands: string[] = [];
  t.read = (file) => `cat ${commands.push(file) && file}`;
  t.gitlab.faults.add({ match: { path: /merge_base/ }, times: 1, act: { status: 503, body: {} } });
  await expect(t.reconciler.reconcile(t.row.id)).rejects.toMatchObject({ failure: 'unreachable' });
  const limited = { status: 429, body: 'Retry later', headers: { 'retry-after': '60' } };
  t.gitlab.faults.add({ match: { path: /archive/ }, times: 1, act: limited });
  await expect(t.reconciler.reconcile(t.row.id)).rejects.toMatchObject({
    failure: 'rate-limited',
    retryAfterMs: 60_000,
  });
  expect(t.decided()).toBeUndefined();

  await t.reconciler.reconcile(t.row.id);

  expect(t.changed()).toEqual(['new NEW', 'old REMOVED']);
  expect(commands).toHaveLength(2);
});

it('is not decided while the disk is full, and is when there is room again', async () => {
  const context = t.context();
  let room = false;
  const unpack: typeof context.commitTrees.unpack = (archive, signal) => {
    if (room) return context.commitTrees.unpack(archive, signal);
    const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    return Promise.reject(explainFileError(full));
  };
  t.reconciler = changesReconciler({ ...context, commitTrees: { ...context.commitTrees, unpack } });

  await expect(t.reconciler.reconcile(t.row.id)).rejects.toMatchObject({ type: 'no-space-left' });
  expect(t.decided()).toBeUndefined();
  room = true;
  await t.reconciler.reconcile(t.row.id);

  expect(t.changed()).toEqual(['new NEW', 'old REMOVED']);
});

it('is unknown where the archive is refused, with what is wrong with it', async () => {
  t.reconciler = changesReconciler(t.context({ limits: { archiveBytes: 50, unpackedBytes: 100, entries: 10 } }));

  await t.reconciler.reconcile(t.row.id);

  expect(t.decided()?.unknown).toContain('The archive is larger than 50 B');
  expect(t.noteIsDue()).toBe(true);
});

it('needs its base read once, however often the branch is pushed to', async () => {
  const files: string[] = [];
  t.read = (file) => `cat ${files.push(file) && file}`;
  for (let pushes = 1; pushes <= 7; pushes += 1) {
    if (pushes > 1) {
      t.push();
      await t.live({ 'server.js': SERVER, ...project({ etl: ['orders', `new${pushes}`] }) });
    }
    await t.passes();
  }

  expect(t.changed()).toEqual(['new7 NEW', 'old REMOVED']);
  expect(files).toHaveLength(7 + 1);
});

it('is not told by what another release has read, which may write the same in another way', async () => {
  t.read = (file) => `sed s/old/older/ ${file}`;
  await t.passes();
  expect(t.changed()).toEqual(['new NEW', 'older REMOVED']);

  t.read = (file) => `cat ${file}`;
  const folder = mkdtempSync(join(t.folder, 'release-'));
  writeFileSync(join(folder, 'snapshot.py'), 'its next release');
  t.reconciler = changesReconciler(t.context({ probe: readProbe(folder) }));
  t.push();
  await t.live({ 'server.js': SERVER, ...project({ etl: ['orders', 'new'] }) });
  await t.passes();

  expect(t.changed()).toEqual(['new NEW', 'old REMOVED']);
});

it('is all new where the base has no such project', async () => {
  const files = { 'README.md': 'nothing', 'locations.json': null, 'etl.json': null };
  const before = await t.gitlab.push(t.target, 'empty', { files, author: t.ada });
  t.push({ mergedInto: before.sha });
  await t.live({ 'server.js': SERVER, ...project({ etl: ['orders'] }) });

  await t.reconciler.reconcile(t.row.id);

  expect(t.changed()).toEqual(['orders NEW']);
});

it('of one location that cannot be read is not known, and is read again with the next push', async () => {
  t.read = (file) => (file.includes('other-tree') ? 'echo out of memory; exit 137' : `cat ${file}`);
  await t.reconciler.reconcile(t.row.id);

  expect(t.decided()?.unknown).toBe(
    'etl: its base could not be read: definitions of etl failed with exit code 137: out of memory',
  );

  t.read = (file) => `cat ${file}`;
  t.push();
  await t.live({ 'server.js': SERVER, ...project({ etl: ['orders'] }) });
  await t.reconciler.reconcile(t.row.id);

  expect(t.changed()).toEqual(['old REMOVED']);
  expect(t.archives()).toBe(2);
});

it('reads no more of all locations of a side together than one may have: the service holds them at once', async () => {
  const names = ['etl', 'ml'];
  t.read = (file) => `cat ${file}; head -c 34000000 /dev/zero | tr '\\0' ' '`;
  const files = project({ etl: ['orders'], ml: ['model'] });
  const { sha } = await t.gitlab.push(t.target, 'main', { files, author: t.ada });
  t.push({ mergedInto: sha }, specOf(names));
  await t.live({ 'server.js': SERVER, ...project({ etl: ['orders', 'new'], ml: ['model'] }) });

  await t.passes();

  expect(t.changed()).toEqual(['new NEW']);
  expect(t.decided()?.compared?.unknownLocations).toEqual([
    {
      location: 'ml',
      reason: 'it could not be read: the definitions of all locations together are more than 64.0 MiB',
    },
  ]);
});

it('reads of one side what its time is enough for: others wait for their turn', async () => {
  const [gate, over] = [join(t.folder, 'gate'), new AbortController()];
  const times = [over.signal];
  const sideTime = () => ({ limitMs: 900_000, signal: times.shift() ?? new AbortController().signal });
  t.reconciler = changesReconciler(t.context({ sideTime }));
  t.read = (file) => (/(?<!other-)tree.slow/.test(file) ? `touch ${gate}; exec sleep 600` : `cat ${file}`);
  await t.gitlab.push(t.target, 'main', { files: project({ etl: ['orders@3', 'old'] }), author: t.ada });
  const names = { etl: ['orders@2', 'old'], slow: ['score'], unread: ['model'] };
  t.push({}, specOf(Object.keys(names)));
  await t.live({ 'server.js': SERVER, ...project(names) });

  const compared = t.passes();
  await until(() => existsSync(gate));
  over.abort();
  await compared;

  expect(t.changed()).toEqual(['orders CODE_VERSION']);
  const reason = 'it could not be read: the code locations of one side together took longer than 15 m 0 s';
  expect(t.decided()?.compared?.unknownLocations).toEqual([
    { location: 'slow', reason },
    { location: 'unread', reason },
  ]);
  // To look at the target branch, all of that would be read again.
  expect(t.decided()?.compared?.target).toBeNull();
});

it('is unknown where the time is over before the base is there', async () => {
  const over = AbortSignal.abort();
  const times = [new AbortController().signal];
  t.reconciler = changesReconciler(
    t.context({ sideTime: () => ({ limitMs: 900_000, signal: times.shift() ?? over }) }),
  );

  await t.passes();

  expect(t.decided()?.unknown).toBe(
    'Its base could not be read: the code locations of one side together took longer than 15 m 0 s.',
  );
  expect(readdirSync(join(t.folder, 'bases'))).toEqual([]);
});

it('does not say where on this machine something lies, also not of what nobody thought of', async () => {
  t.read = () => `echo "cannot open $PWD/etl.py with ${t.folder}/shared/setups/a/bin/python for ${t.folder}" && exit 1`;
  await t.passes();
  expect(t.decided()?.unknown).toBe(
    'etl: it could not be read: definitions of etl failed with exit code 1: cannot open etl.py with shared/setups/a/bin/python for .',
  );

  t.push();
  await t.live({ 'server.js': SERVER, ...project({ etl: ['orders'] }) });
  t.read = (file) => `cat ${file}`;
  t.store.work.mark(`deployment:${t.row.id}`, 'changes', 0);
  rmSync(join(t.folder, 'bases'), { recursive: true, force: true });
  writeFileSync(join(t.folder, 'bases'), 'no folder');
  for (let tries = 1; tries < 5; tries += 1) {
    const row = t.store.work.claim(Date.now(), 'this') as WorkRow;
    await expect(t.reconciler.reconcile(t.row.id)).rejects.toThrow(t.folder);
    t.store.work.again(row, 0, { attempts: tries, error: 'it failed' });
  }
  await t.reconciler.reconcile(t.row.id);
  expect(t.decided()?.unknown).toBe("It could not be compared: EEXIST: file already exists, mkdir 'bases'");
});

it('shows no part of a secret where what is said of a failure is cut', async () => {
  const secret = 'correct-horse-battery-staple';
  const setupVariables = new SetupVariables();
  setupVariables.keep(1, [{ name: 'TOKEN', value: secret, file: false }], Date.now());
  setupVariables.settle(1, t.store.revisions.latest(t.row.id)?.id);
  t.reconciler = changesReconciler({ ...t.context(), setupVariables });
  // Of a text with secrets at every place, some cut goes through one.
  const long = `${secret} `.repeat(100);
  t.read = () => `echo '${long}'; exit 1`;
  await t.reconciler.reconcile(t.row.id);
  expect(t.decided()?.unknown).toMatch(/^etl: it could not be read: .*\[MASKED\]/);
  expect(t.decided()?.unknown).not.toContain('correct-');

  t.push();
  const { id } = await t.live({ 'server.js': SERVER, ...project({ etl: ['orders'] }) });
  setupVariables.keep(2, [{ name: 'TOKEN', value: secret, file: false }], Date.now());
  setupVariables.settle(2, id);
  t.read = () => `echo '${JSON.stringify({ version: 1, status: 'failed', reason: long, stack: '' })}'`;
  await t.reconciler.reconcile(t.row.id);
  expect(t.decided()?.unknown).toMatch(/^etl: it does not load: \[MASKED\]/);
  expect(t.decided()?.unknown).not.toContain('correct-');
});

it('waits for its turn, and is given up for a revision that is replaced meanwhile', async () => {
  const gate = join(t.folder, 'gate');
  t.read = (file) => `touch ${gate}; while [ -e ${gate} ]; do sleep 0.05; done; cat ${file}`;
  const other = addDeployment(t.store, 2, { projectId: t.target.id, sha: t.mr.sha, spec: specOf(['etl']) });
  const first = t.store.revisions.latest(other.id) as RevisionRow;
  t.store.revisions.update(first.id, { state: 'healthy' });
  t.store.deployments.update(other.id, { liveRevisionId: first.id });
  const under = t.reconciler.reconcile(t.row.id);
  await until(() => existsSync(gate));

  expect(await t.reconciler.reconcile(other.id)).toMatchObject({ againAfterMs: expect.any(Number) });
  const old = t.store.revisions.latest(t.row.id) as RevisionRow;
  t.push();
  const next = await t.live({ 'server.js': SERVER, ...project({ etl: ['orders'] }) });
  await t.world.runtime.stop(old.instance);

  expect(await under).toEqual({ againAfterMs: 0 });
  expect(t.store.changes.of(old.id)).toBeUndefined();
  expect(t.store.work.find(`deployment:${other.id}`, 'changes')).toBeDefined();
  t.read = (file) => `cat ${file}`;
  await t.reconciler.reconcile(t.row.id);
  expect(t.store.changes.of(next.id)?.compared?.changes.assets).toHaveLength(1);
});
