import { afterEach, beforeEach, expect, it } from 'vitest';
import type { WorkRow } from '../../../src/store/schema.ts';
import { connect } from '../../gitlab/connect.ts';
import { SERVER } from '../../runtimes/apps.ts';
import { ComparedWorld, project } from './compared-world.ts';

let t: ComparedWorld;
beforeEach(async () => {
  t = await ComparedWorld.open();
});
afterEach(() => t.close());

it('tells which of its assets the target branch has changed since as well, after all else', async () => {
  await t.gitlab.push(t.target, 'main', { files: project({ etl: ['orders@3', 'old', 'late'] }), author: t.ada });
  t.push();
  const { id } = await t.live({ 'server.js': SERVER, ...project({ etl: ['orders@2', 'old', 'new'] }) });

  expect(await t.reconciler.reconcile(t.row.id)).toEqual({ againAfterMs: 0 });
  expect(t.changed()).toEqual(['new NEW', 'orders CODE_VERSION']);
  expect(t.decided()?.compared?.target).toBeUndefined();
  t.store.work.complete(t.store.work.find(`merge-request:${t.row.mergeRequestId}`, 'note') as WorkRow);
  await t.passes();

  const { sha } = (await connect(t.gitlab.localUrl, { token: 'secret-of-ada' }).branchHead(t.target.id, 'main')) ?? {};
  expect(t.store.changes.of(id)?.compared?.target).toMatchObject({ sha, keys: ['orders'] });
  expect(t.noteIsDue()).toBe(true);
  expect(t.archives()).toBe(2);
});

it('takes no metadata that makes no difference for a change of the target branch', async () => {
  t.read = (file) => `sed 's/"metadata":{}/"metadata":{"read_at":"'$$'"}/' ${file}`;
  await t.gitlab.push(t.target, 'main', { files: project({ etl: ['orders', 'old', 'late'] }), author: t.ada });
  t.push({}, { changes: { ignoreMetadata: ['read_at'] } });
  await t.live({ 'server.js': SERVER, ...project({ etl: ['orders@2', 'old'] }) });

  await t.passes();

  expect(t.changed()).toEqual(['orders CODE_VERSION']);
  expect(t.decided()?.compared?.target).toBeNull();
});
