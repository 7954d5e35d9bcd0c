import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { SERVER } from '../../runtimes/apps.ts';
import { ComparedWorld, project, snapshotOf } from './compared-world.ts';

let t: ComparedWorld;
beforeEach(async () => {
  t = await ComparedWorld.open();
});
afterEach(() => t.close());

it('leaves files of its base for the next revision, of the one base that it was compared with last', async () => {
  const kept = () => {
    const at = join(t.world.dataDir, 'deployments', t.row.name, 'base');
    return existsSync(at) ? readdirSync(at, { recursive: true }).sort() : undefined;
  };
  const text = () => readFileSync(join(t.world.dataDir, 'deployments', t.row.name, 'base', 'etl.json'), 'utf8');
  const artifacts = { changes: { baseArtifacts: ['etl.json', 'gone.txt'] } };
  await t.passes();
  expect(kept()).toBeUndefined();

  t.push({}, artifacts);
  await t.live({ 'server.js': SERVER, ...project({ etl: ['orders'] }) });
  await t.passes();
  expect(kept()).toEqual(['etl.json']);
  expect(text()).toBe(snapshotOf(['orders', 'old']));

  const { sha } = await t.gitlab.push(t.target, 'main', { files: project({ etl: ['orders', 'late'] }), author: t.ada });
  t.push({ mergedInto: sha }, artifacts);
  await t.live({ 'server.js': SERVER, ...project({ etl: ['orders'] }) });
  await t.passes();
  expect(text()).toBe(snapshotOf(['orders', 'late']));
  expect(t.changed()).toEqual(['late REMOVED']);
});
