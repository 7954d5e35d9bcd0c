import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { presentChanges } from '../../../src/http/api/present-changes.ts';
import { noteModel } from '../../../src/reconcile/note-model.ts';
import type { DeploymentRow, MergeRequestRow } from '../../../src/store/schema.ts';
import { SERVER } from '../../runtimes/apps.ts';
import { ComparedWorld, project, snapshotOf } from './compared-world.ts';

let t: ComparedWorld;
const inData = (...path: readonly string[]) => join(t.folder, 'deployments', t.row.name, ...path);
/** What the next push finds. */
const kept = () => (existsSync(inData('base')) ? readdirSync(inData('base'), { recursive: true }).sort() : undefined);
/** Of the deployment's data folder, what has to do with files of a base. */
const traces = () => readdirSync(inData()).filter((name) => name.startsWith('base'));
/** Files of the base cannot be put there. */
const block = () => mkdirSync(inData('base.next'));
beforeEach(async () => {
  t = await ComparedWorld.open();
});
afterEach(() => t.close());

/** A push that has become healthy. */
function live(...pushed: Parameters<ComparedWorld['push']>) {
  t.push(...pushed);
  return t.live({ 'server.js': SERVER, ...project({ etl: ['orders'] }) });
}

/** A push, once it is compared. */
async function compared(...pushed: Parameters<ComparedWorld['push']>) {
  const revision = await live(...pushed);
  await t.passes();
  return revision;
}

it('leaves files of its base for the next revision, of the one base that it was compared with last', async () => {
  const text = (name = 'etl.json') => readFileSync(inData('base', name), 'utf8');
  const artifacts = { changes: { baseArtifacts: ['etl.json', 'gone.txt', 'latest'] } };
  // As a prepare that links to what it has made.
  t.read = (file) => `cat ${file} && ln -sf ${file} $(dirname ${file})/latest`;
  await t.passes();
  expect(kept()).toBeUndefined();

  await compared({}, artifacts);
  expect(kept()).toEqual(['etl.json', 'latest']);
  expect([text(), text('latest')]).toEqual([snapshotOf(['orders', 'old']), snapshotOf(['orders', 'old'])]);

  const { sha } = await t.gitlab.push(t.target, 'main', { files: project({ etl: ['orders', 'late'] }), author: t.ada });
  await compared({ mergedInto: sha }, artifacts);
  expect(text()).toBe(snapshotOf(['orders', 'late']));
  expect(t.changed()).toEqual(['late REMOVED']);
});

/** A push that asks for these files, once it is compared: what is told of them, and where. */
async function push(paths: readonly string[]) {
  const { id } = await compared({}, { changes: { baseArtifacts: paths } });
  const at = join(t.folder, 'logs', `${id}.log`);
  const mergeRequest = t.store.mergeRequests.get(t.row.mergeRequestId) as MergeRequestRow;
  const options = { previewUrl: (name: string) => name, maxRunning: 9, forks: 'never' } as const;
  const [app] = noteModel(t.store, mergeRequest, options).apps;
  return {
    log: existsSync(at) ? readFileSync(at, 'utf8') : '',
    note: app?.changes?.missingFiles,
    api: presentChanges(t.store, t.store.deployments.get(t.row.id) as DeploymentRow).missing_base_files,
  };
}

it('tells which files its base does not have, for as long as it is compared with that base', async () => {
  const paths = ['gone/a b.json', 'etl.json', 'lost/'];
  const told = {
    log: '==> warning: The next push is not given files of base_artifacts that its base does not have: gone/a b.json, lost/\n',
    note: { paths: ['gone/a b.json', 'lost/'], reason: null },
    api: { paths: ['gone/a b.json', 'lost/'], reason: null },
  };

  expect(await push(paths)).toEqual(told);
  const archives = t.archives();
  expect(await push(paths)).toEqual(told);
  expect(t.archives()).toBe(archives);
  expect(await push(['etl.json'])).toEqual({ log: '', note: null, api: null });
});

it('tells why files of its base could not be kept, and keeps them with the next push', async () => {
  block();
  const reason = 'files of the base for the next revision failed with exit code 1';

  expect(await push(['etl.json'])).toEqual({
    log: `==> warning: The next push is not given files of base_artifacts that could not be kept (${reason}): etl.json\n`,
    note: { paths: ['etl.json'], reason },
    api: { paths: ['etl.json'], reason },
  });
  expect(t.changed()).toEqual(['old REMOVED']);

  expect(await push(['etl.json'])).toEqual({ log: '', note: null, api: null });
});

it('hands no files of an earlier base where those of the base could not be kept', async () => {
  expect(await push(['etl.json'])).toEqual({ log: '', note: null, api: null });
  expect(kept()).toEqual(['etl.json']);

  block();
  await push(['etl.json', 'other.json']);
  expect([kept(), traces()]).toEqual([undefined, []]);
});

it('leaves the files of the base where they are when it is read again, and they could not be kept once more', async () => {
  await push(['etl.json', 'gone.json']);
  block();

  await compared({}, { env: { OTHER: 'value' } });

  expect(kept()).toEqual(['etl.json']);
  expect(t.decided()?.missingFiles).toEqual({ paths: ['gone.json'], reason: null });
});

it('hands no files of an earlier base where the base as a whole cannot be read, and says so', async () => {
  await push(['etl.json']);
  const { sha } = await t.gitlab.push(t.target, 'large', { files: { noise: 'x'.repeat(5_000_000) }, author: t.ada });

  await compared({ mergedInto: sha });

  expect(t.decided()?.unknown).toMatch(/^The archive unpacks to more than/);
  expect([kept(), traces()]).toEqual([undefined, []]);
  expect(t.decided()?.missingFiles).toEqual({ paths: ['etl.json'], reason: 'the base could not be read' });
});

it('knows what it has kept however often the target branch goes on', async () => {
  expect(await push(['etl.json'])).toEqual({ log: '', note: null, api: null });
  for (const round of [1, 2, 3, 4, 5, 6]) {
    const files = project({ etl: ['orders', 'old', `late_${round}`] });
    await t.gitlab.push(t.target, 'main', { files, author: t.ada });
    expect(await push(['etl.json'])).toEqual({ log: '', note: null, api: null });
  }
});

it('tells it right where files that could not be kept at first are kept when the target branch is looked at', async () => {
  block();
  await live({}, { changes: { baseArtifacts: ['etl.json'] } });
  await t.gitlab.push(t.target, 'main', { files: project({ etl: ['orders', 'late'] }), author: t.ada });
  await t.reconciler.reconcile(t.row.id);
  expect(t.decided()?.missingFiles).toMatchObject({ paths: ['etl.json'] });

  await t.passes();
  expect([kept(), t.decided()?.missingFiles]).toEqual([['etl.json'], null]);
});

it('tells which files its base does not have also where the base could not be read, or has no project', async () => {
  t.read = (file) => (file.includes('other-tree') ? 'echo no module named etl; exit 1' : `cat ${file}`);
  const missing = { paths: ['gone.json'], reason: null };
  const log =
    '==> warning: The next push is not given files of base_artifacts that its base does not have: gone.json\n';

  expect(await push(['gone.json'])).toEqual({ log, note: missing, api: missing });
  expect(t.decided()?.unknown).toBe(
    'etl: its base could not be read: definitions of etl failed with exit code 1: no module named etl',
  );

  const { sha } = await t.gitlab.push(t.target, 'empty', { files: { 'locations.json': null }, author: t.ada });
  await compared({ mergedInto: sha }, { changes: { baseArtifacts: ['etl.json', 'gone.json'] } });
  expect(t.decided()).toMatchObject({ unknown: null, missingFiles: missing });
  expect(kept()).toEqual(['etl.json']);
});
