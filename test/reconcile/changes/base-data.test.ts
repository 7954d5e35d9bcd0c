import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createPresets } from '../../../src/apps/presets.ts';
import type { DagsterSpec } from '../../../src/deployment/app-spec.ts';
import { changesReconciler } from '../../../src/reconcile/changes/changes.ts';
import { SERVER } from '../../runtimes/apps.ts';
import { writeTree } from '../../support/write-tree.ts';
import { ComparedWorld, project, snapshotOf, specOf } from './compared-world.ts';

let t: ComparedWorld;
beforeEach(async () => {
  t = await ComparedWorld.open();
});
afterEach(() => t.close());

/** Reads what `prepare` has left in the data folder, and leaves something there itself, as definitions may. */
const PROGRAM = `import os, shutil, sys
data = os.environ["BRANCH_DEPLOYMENT_DATA_DIR"]
if "--instead" in sys.argv:
    assert open("made/rows.txt").read() == "made\\n"
for folder in ("state", "new/state"):
    assert os.path.realpath(folder).startswith(os.path.realpath(data) + "/persist/"), folder
shutil.copy(data + "/definitions.json", sys.argv[sys.argv.index("--output") + 1])
open(data + "/loaded", "a").close()
`;

/** The spec of a project whose prepare writes into the data folder. */
const preparing = (prepare: string): DagsterSpec => {
  // The second one prepares what the first one loads.
  const spec = specOf(['etl', 'marts']);
  return { ...spec, locations: spec.locations.map((one) => (one.name === 'marts' ? { ...one, prepare } : one)) };
};

/** Comparisons as the preset for Dagster makes them, but for the program that loads definitions. */
function withPreset(spec: DagsterSpec): void {
  const probe = { files: { '__main__.py': PROGRAM }, release: 'of-this-test' };
  const { presetFor } = createPresets({ pythonDownloads: false, passEnv: { PATH: process.env.PATH ?? '' } });
  t.reconciler = changesReconciler({ ...t.context({ probe }), presetFor, recogniseApp: async () => spec });
}

/**
 * In an empty data folder, whose name the app file gives on, and in a persisted one that begins with what the base has there. Another one it
 * replaces.
 */
const PREPARE = `set -e
[ "$(ls "$STORE" | grep -v persist)" = dagster-home ]
[ "$STORE" = "$BRANCH_DEPLOYMENT_DATA_DIR" ]
cp etl.json "$STORE/definitions.json"
[ "$(cat state/rows.txt)" = "of the base" ]
echo prepared > state/rows.txt
rm -r made
mkdir made
echo made > made/rows.txt`;

it("what a base's prepare and code write does not reach the branch: their data folder is another one, and gone when it was read", {
  timeout: 240_000,
}, async () => {
  // Where the last one is to be, the base has a file.
  const spec = { ...preparing(PREPARE), persist: ['state', 'new/state', 'made', 'file/state'] };
  withPreset(spec);
  const base = { ...project({ etl: ['orders', 'old'] }), 'state/rows.txt': 'of the base', file: '' };
  const { sha } = await t.gitlab.push(t.target, 'main', { files: base, author: t.ada });
  t.push({ mergedInto: sha }, { ...spec, env: { STORE: `\${BRANCH_DEPLOYMENT_DATA_DIR}` } });
  const files = { 'server.js': SERVER, '.venv/bin/python': '#!/bin/sh\nexec python3 "$@"\n' };
  const { instance } = await t.live({ ...files, ...project({ etl: ['orders', 'new'] }) });
  const folder = join(t.folder, 'instances', instance);
  const data = join(t.folder, 'deployments', t.row.name);
  chmodSync(join(folder, 'tree/.venv/bin/python'), 0o700);
  // As a start of the branch has left them.
  const left = { 'definitions.json': snapshotOf(['orders', 'new']), 'persist/state/rows.txt': 'of the branch' };
  writeTree(data, { ...left, 'persist/new%2Fstate/rows.txt': 'of the branch' });
  mkdirSync(join(folder, 'tree/new'));
  symlinkSync(join(data, 'persist/state'), join(folder, 'tree/state'));
  symlinkSync(join(data, 'persist/new%2Fstate'), join(folder, 'tree/new/state'));

  await t.passes();

  expect(t.decided()?.unknown).toBeNull();
  expect(t.changed()).toEqual(['new NEW', 'old REMOVED', 'new NEW', 'old REMOVED']);
  for (const [path, text] of Object.entries(left))
    expect([path, readFileSync(join(data, path), 'utf8')]).toEqual([path, text]);
  // The branch's own code is read with the branch's folder.
  expect(readdirSync(data).sort()).toEqual(['definitions.json', 'loaded', 'persist']);
  expect(existsSync(join(folder, 'other-tree'))).toBe(false);
});
