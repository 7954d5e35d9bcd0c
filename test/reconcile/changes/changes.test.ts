import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { baseFilesStep } from '../../../src/apps/dagster/base-files.ts';
import type { DefinitionsReader, Preset } from '../../../src/apps/preset.ts';
import type { DagsterSpec } from '../../../src/deployment/app-spec.ts';
import type { CommitFacts } from '../../../src/deployment/gitlab-facts.ts';
import { SetupVariables } from '../../../src/deployment/setup-variables.ts';
import { ProblemError } from '../../../src/errors.ts';
import { createLog } from '../../../src/log.ts';
import { changesReconciler } from '../../../src/reconcile/changes/changes.ts';
import type { ChangesContext } from '../../../src/reconcile/changes/context.ts';
import type { Reconciler } from '../../../src/reconcile/reconciler.ts';
import { createCommitTrees } from '../../../src/store/bundles/commit-trees.ts';
import { explainFileError } from '../../../src/store/bundles/refusals.ts';
import type { DeploymentRow, RevisionRow, WorkRow } from '../../../src/store/schema.ts';
import { openStore, type Store } from '../../../src/store/store.ts';
import { wantRevision } from '../../../src/store/want.ts';
import { asset } from '../../changes/definitions.ts';
import { connect } from '../../gitlab/connect.ts';
import { ask, launchOf, readableLog, SERVER, sourceOf, until } from '../../runtimes/apps.ts';
import { type ProcessWorld, processWorld } from '../../runtimes/process-world.ts';
import { addDeployment } from '../../store/add-deployment.ts';
import { StandInGitLab } from '../../support/gitlab/stand-in.ts';
import type { MergeRequest, Project, User } from '../../support/gitlab/state.ts';

/** A project whose definitions are written down: a file for each location. `locations.json` names them; `orders@2` is of code version 2. */
const project = (locations: Readonly<Record<string, readonly string[]>>): Record<string, string> => ({
  'locations.json': JSON.stringify(Object.keys(locations)),
  ...Object.fromEntries(Object.entries(locations).map(([name, keys]) => [`${name}.json`, snapshotOf(keys)])),
});

function snapshotOf(keys: readonly string[]): string {
  const assets = keys.map((written) => {
    const [key, version = null] = written.split('@') as [string, string?];
    return { ...asset(key, { codeVersion: version }), source: null, kinds: [], isExternal: false, error: null };
  });
  const names = { jobs: [], schedules: [], sensors: [], locks: {}, gaps: [] };
  return JSON.stringify({ version: 1, status: 'loaded', dagster: '1.13.27', python: '3.11.2', assets, ...names });
}

const specOf = (names: readonly string[]): DagsterSpec => ({
  ...{ preset: 'dagster', directory: '.', env: {}, dotenv: {}, timeoutMs: 1, remarks: [] },
  locations: names.map((name) => ({
    ...{ name, directory: '.', load: { kind: 'module', name }, optional: false, setup: 'true' },
  })),
});

/** Commands that read a location's file, as the Dagster preset's run the probe. */
let read: (file: string) => string;
const definitions: DefinitionsReader<DagsterSpec> = {
  locations: (spec) => spec.locations.map(({ name }) => name),
  keep: baseFilesStep,
  plan: (_spec, _context, { place, location, base }) => {
    const file = `${base?.tree ?? place.tree}/${base?.location ?? location}.json`;
    return [{ name: `definitions of ${location}`, directory: place.tree, command: read(file), env: {} }];
  },
};

let gitlab: StandInGitLab;
let ada: User;
let target: Project;
let mr: MergeRequest;
let folder: string;
let store: Store;
let world: ProcessWorld;
let row: DeploymentRow;
let reconciler: Reconciler;

beforeEach(async () => {
  gitlab = await StandInGitLab.start();
  ada = gitlab.addUser('ada', { name: 'Ada', tokens: ['secret-of-ada'] });
  target = await gitlab.addProject({ path: 'data/shop', owner: ada, files: project({ etl: ['orders', 'old'] }) });
  await gitlab.push(target, 'feature', { files: project({ etl: ['orders', 'new'] }), author: ada });
  mr = await gitlab.openMergeRequest(target, { sourceBranch: 'feature', title: 'Two', author: ada });
  folder = mkdtempSync(join(tmpdir(), 'bd-compared-'));
  store = openStore(join(folder, 'service.sqlite'));
  world = await processWorld();
  read = (file) => `cat ${file}`;
  row = addDeployment(store, 1, { projectId: target.id, sha: mr.sha, spec: specOf(['etl']) });
  reconciler = changesReconciler(contextOf());
  await live({ 'server.js': SERVER, ...project({ etl: ['orders', 'new'] }) });
});
afterEach(async () => {
  await world.dispose();
  store.close();
  rmSync(folder, { recursive: true, force: true });
  await gitlab.close();
  expect(gitlab.violations).toEqual([]);
});

function contextOf(limits = { archiveBytes: 1_000_000, unpackedBytes: 4_000_000, entries: 100 }): ChangesContext {
  return {
    ...{ store, runtime: world.runtime, now: Date.now, sealingKeys: [], setupVariables: new SetupVariables() },
    log: createLog('silent'),
    gitlab: connect(gitlab.localUrl, { token: 'secret-of-ada', retry: { attempts: 1 } }),
    commitTrees: createCommitTrees({ directory: join(folder, 'bases'), limits }),
    presetFor: () => ({ definitions }) as unknown as Preset,
    launchContext: () => ({ projectId: target.id, app: '', env: {} }),
    recogniseApp: async ({ tree }) => {
      const names = await readFile(resolve(tree, 'locations.json'), 'utf8').catch(() => {
        throw new ProblemError('nothing-recognised', 422, 'There is no project.');
      });
      return specOf(JSON.parse(names) as string[]);
    },
  };
}

/** The latest revision is healthy, and runs with these files. */
async function live(files: Readonly<Record<string, string>>): Promise<RevisionRow> {
  const revision = store.revisions.latest(row.id) as RevisionRow;
  const ref = { name: revision.instance, deployment: row.name };
  await world.runtime.start(ref, launchOf(), sourceOf(files), readableLog());
  await ask(world.runtime, revision.instance);
  store.revisions.update(revision.id, { state: 'healthy', instanceState: 'present' });
  store.deployments.update(row.id, { liveRevisionId: revision.id });
  return revision;
}

/** One more revision of the same spec, but for what is told. */
function push(commitFacts: Partial<CommitFacts> = {}, more: Partial<DagsterSpec> = {}): void {
  const { commit, spec } = store.revisions.latest(row.id) as RevisionRow;
  const own = { pushedBy: 'Dee', bundle: 'b', sealedVariables: null, now: 1, why: 'test' };
  wantRevision(store, row, {
    ...own,
    commit: { ...commit, ...commitFacts },
    spec: { ...(spec as DagsterSpec), ...more },
  });
}

/** Passes, until nothing is left to do. */
async function passes(id = row.id): Promise<void> {
  for (let left = 5; left > 0; left -= 1) if ('done' in (await reconciler.reconcile(id))) return;
  throw new Error('it does not come to an end');
}

const decided = () => store.changes.of(store.revisions.latest(row.id)?.id ?? 0);
const changed = () => decided()?.compared?.changes.assets.map(({ key, reasons }) => `${key} ${reasons}`);
const archives = () => gitlab.requests.filter(({ path }) => path.includes('/archive')).length;
const noteIsDue = () => store.work.find(`merge-request:${row.mergeRequestId}`, 'note') !== undefined;

it('is decided once for a revision, and its note is due', async () => {
  await passes();

  expect(changed()).toEqual(['new NEW', 'old REMOVED']);
  expect(noteIsDue()).toBe(true);
  const before = gitlab.requests.length;
  expect(await reconciler.reconcile(row.id)).toEqual({ done: true });
  expect(gitlab.requests.length).toBe(before);
});

it('tells which of its assets the target branch has changed since as well, after all else', async () => {
  await gitlab.push(target, 'main', { files: project({ etl: ['orders@3', 'old', 'late'] }), author: ada });
  push();
  const { id } = await live({ 'server.js': SERVER, ...project({ etl: ['orders@2', 'old', 'new'] }) });

  expect(await reconciler.reconcile(row.id)).toEqual({ againAfterMs: 0 });
  expect(changed()).toEqual(['new NEW', 'orders CODE_VERSION']);
  expect(decided()?.compared?.target).toBeUndefined();
  store.work.complete(store.work.find(`merge-request:${row.mergeRequestId}`, 'note') as WorkRow);
  await passes();

  const { sha } = (await connect(gitlab.localUrl, { token: 'secret-of-ada' }).branchHead(target.id, 'main')) ?? {};
  expect(store.changes.of(id)?.compared?.target).toMatchObject({ sha, keys: ['orders'] });
  expect(noteIsDue()).toBe(true);
  expect(archives()).toBe(2);
});

it('takes no metadata that makes no difference for a change of the target branch', async () => {
  read = (file) => `sed 's/"metadata":{}/"metadata":{"read_at":"'$$'"}/' ${file}`;
  await gitlab.push(target, 'main', { files: project({ etl: ['orders', 'old', 'late'] }), author: ada });
  push({}, { changes: { ignoreMetadata: ['read_at'] } });
  await live({ 'server.js': SERVER, ...project({ etl: ['orders@2', 'old'] }) });

  await passes();

  expect(changed()).toEqual(['orders CODE_VERSION']);
  expect(decided()?.compared?.target).toBeNull();
});

it('leaves files of its base for the next revision, of the one base that it was compared with last', async () => {
  const kept = () => {
    const at = join(world.dataDir, 'deployments', row.name, 'base');
    return existsSync(at) ? readdirSync(at, { recursive: true }).sort() : undefined;
  };
  const text = () => readFileSync(join(world.dataDir, 'deployments', row.name, 'base', 'etl.json'), 'utf8');
  const artifacts = { changes: { baseArtifacts: ['etl.json', 'gone.txt'] } };
  await passes();
  expect(kept()).toBeUndefined();

  push({}, artifacts);
  await live({ 'server.js': SERVER, ...project({ etl: ['orders'] }) });
  await passes();
  expect(kept()).toEqual(['etl.json']);
  expect(text()).toBe(snapshotOf(['orders', 'old']));

  const { sha } = await gitlab.push(target, 'main', { files: project({ etl: ['orders', 'late'] }), author: ada });
  push({ mergedInto: sha }, artifacts);
  await live({ 'server.js': SERVER, ...project({ etl: ['orders'] }) });
  await passes();
  expect(text()).toBe(snapshotOf(['orders', 'late']));
  expect(changed()).toEqual(['late REMOVED']);
});

it('is not decided while GitLab is away or limits archives, and is when it is back; the branch is not read again', async () => {
  const commands: string[] = [];
  read = (file) => `cat ${commands.push(file) && file}`;
  gitlab.faults.add({ match: { path: /merge_base/ }, times: 1, act: { status: 503, body: {} } });
  await expect(reconciler.reconcile(row.id)).rejects.toMatchObject({ failure: 'unreachable' });
  const limited = { status: 429, body: 'Retry later', headers: { 'retry-after': '60' } };
  gitlab.faults.add({ match: { path: /archive/ }, times: 1, act: limited });
  await expect(reconciler.reconcile(row.id)).rejects.toMatchObject({ failure: 'rate-limited', retryAfterMs: 60_000 });
  expect(decided()).toBeUndefined();

  await reconciler.reconcile(row.id);

  expect(changed()).toEqual(['new NEW', 'old REMOVED']);
  expect(commands).toHaveLength(2);
});

it('is not decided while the disk is full, and is when there is room again', async () => {
  const context = contextOf();
  let room = false;
  const unpack: typeof context.commitTrees.unpack = (archive, signal) => {
    if (room) return context.commitTrees.unpack(archive, signal);
    const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    return Promise.reject(explainFileError(full));
  };
  reconciler = changesReconciler({ ...context, commitTrees: { ...context.commitTrees, unpack } });

  await expect(reconciler.reconcile(row.id)).rejects.toMatchObject({ type: 'no-space-left' });
  expect(decided()).toBeUndefined();
  room = true;
  await reconciler.reconcile(row.id);

  expect(changed()).toEqual(['new NEW', 'old REMOVED']);
});

it('is unknown where the archive is refused, with what is wrong with it', async () => {
  reconciler = changesReconciler(contextOf({ archiveBytes: 50, unpackedBytes: 100, entries: 10 }));

  await reconciler.reconcile(row.id);

  expect(decided()?.unknown).toContain('The archive is larger than 50 B');
  expect(noteIsDue()).toBe(true);
});

it('is all new where the base has no such project', async () => {
  const files = { 'README.md': 'nothing', 'locations.json': null, 'etl.json': null };
  const before = await gitlab.push(target, 'empty', { files, author: ada });
  push({ mergedInto: before.sha });
  await live({ 'server.js': SERVER, ...project({ etl: ['orders'] }) });

  await reconciler.reconcile(row.id);

  expect(changed()).toEqual(['orders NEW']);
});

it('of one location that cannot be read is not known, and is read again with the next push', async () => {
  read = (file) => (file.includes('other-tree') ? 'echo out of memory; exit 137' : `cat ${file}`);
  await reconciler.reconcile(row.id);

  expect(decided()?.unknown).toBe(
    'etl: its base could not be read: definitions of etl failed with exit code 137: out of memory',
  );

  read = (file) => `cat ${file}`;
  push();
  await live({ 'server.js': SERVER, ...project({ etl: ['orders'] }) });
  await reconciler.reconcile(row.id);

  expect(changed()).toEqual(['old REMOVED']);
  expect(archives()).toBe(2);
});

it('reads no more of all locations of a side together than one may have: the service holds them at once', async () => {
  const names = ['etl', 'ml'];
  read = (file) => `cat ${file}; head -c 34000000 /dev/zero | tr '\\0' ' '`;
  const files = project({ etl: ['orders'], ml: ['model'] });
  const { sha } = await gitlab.push(target, 'main', { files, author: ada });
  push({ mergedInto: sha }, specOf(names));
  await live({ 'server.js': SERVER, ...project({ etl: ['orders', 'new'], ml: ['model'] }) });

  await passes();

  expect(changed()).toEqual(['new NEW']);
  expect(decided()?.compared?.unknownLocations).toEqual([
    {
      location: 'ml',
      reason: 'it could not be read: the definitions of all locations together are more than 64.0 MiB',
    },
  ]);
});

it('shows no part of a secret where what is said of a failure is cut', async () => {
  const secret = 'correct-horse-battery-staple';
  const setupVariables = new SetupVariables();
  setupVariables.keep(1, [{ name: 'TOKEN', value: secret, file: false }], Date.now());
  setupVariables.settle(1, store.revisions.latest(row.id)?.id);
  reconciler = changesReconciler({ ...contextOf(), setupVariables });
  // Of a text with secrets at every place, some cut goes through one.
  const long = `${secret} `.repeat(100);
  read = () => `echo '${long}'; exit 1`;
  await reconciler.reconcile(row.id);
  expect(decided()?.unknown).toMatch(/^etl: it could not be read: .*\[MASKED\]/);
  expect(decided()?.unknown).not.toContain('correct-');

  push();
  const { id } = await live({ 'server.js': SERVER, ...project({ etl: ['orders'] }) });
  setupVariables.keep(2, [{ name: 'TOKEN', value: secret, file: false }], Date.now());
  setupVariables.settle(2, id);
  read = () => `echo '${JSON.stringify({ version: 1, status: 'failed', reason: long, stack: '' })}'`;
  await reconciler.reconcile(row.id);
  expect(decided()?.unknown).toMatch(/^etl: it does not load: \[MASKED\]/);
  expect(decided()?.unknown).not.toContain('correct-');
});

it('waits for its turn, and is given up for a revision that is replaced meanwhile', async () => {
  const gate = join(folder, 'gate');
  read = (file) => `touch ${gate}; while [ -e ${gate} ]; do sleep 0.05; done; cat ${file}`;
  const other = addDeployment(store, 2, { projectId: target.id, sha: mr.sha, spec: specOf(['etl']) });
  const first = store.revisions.latest(other.id) as RevisionRow;
  store.revisions.update(first.id, { state: 'healthy' });
  store.deployments.update(other.id, { liveRevisionId: first.id });
  const under = reconciler.reconcile(row.id);
  await until(() => existsSync(gate));

  expect(await reconciler.reconcile(other.id)).toMatchObject({ againAfterMs: expect.any(Number) });
  const old = store.revisions.latest(row.id) as RevisionRow;
  push();
  const next = await live({ 'server.js': SERVER, ...project({ etl: ['orders'] }) });
  await world.runtime.stop(old.instance);

  expect(await under).toEqual({ againAfterMs: 0 });
  expect(store.changes.of(old.id)).toBeUndefined();
  expect(store.work.find(`deployment:${other.id}`, 'changes')).toBeDefined();
  read = (file) => `cat ${file}`;
  await reconciler.reconcile(row.id);
  expect(store.changes.of(next.id)?.compared?.changes.assets).toHaveLength(1);
});
