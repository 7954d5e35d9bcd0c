import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { createLog } from '../../../src/log.ts';
import { diskLook } from '../../../src/reconcile/sweep/disk.ts';
import { createBundleStore } from '../../../src/store/bundles/bundle-store.ts';
import { createCommitTrees } from '../../../src/store/bundles/commit-trees.ts';
import { createFolderSizes } from '../../../src/store/folder-sizes.ts';
import { createRevisionLogs } from '../../../src/store/revision-logs.ts';
import { openStore } from '../../../src/store/store.ts';
import { makeArchive } from '../../store/bundles/archives.ts';
import { InstantRuntime } from '../../support/instant-runtime.ts';

const MIB = 1024 * 1024;

it('counts the files of a base while something is compared with them, and the sweep leaves them alone so long', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'bd-disk-'));
  const store = openStore(join(folder, 'service.sqlite'));
  onTestFinished(() => {
    store.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const limits = { archiveBytes: 8 * MIB, unpackedBytes: 8 * MIB, entries: 100 };
  const commitTrees = createCommitTrees({ directory: join(folder, 'bases'), limits });
  const measured: number[] = [];
  const look = diskLook({
    ...{ store, commitTrees, runtime: new InstantRuntime(), log: createLog('silent'), now: Date.now },
    bundles: createBundleStore({ directory: join(folder, 'bundles'), limits }),
    logs: createRevisionLogs({ directory: join(folder, 'logs') }),
    sizes: createFolderSizes(Date.now),
    maxBytes: 100 * MIB,
    measured: (bytes) => measured.push(bytes),
  });
  const measure = () => look.run(new AbortController().signal);
  await measure();
  const archive = makeArchive([{ path: 'shop-main/warehouse.duckdb', content: randomBytes(2 * MIB) }]);
  const tree = await commitTrees.unpack(
    (async function* () {
      yield archive;
    })(),
  );
  mkdirSync(join(commitTrees.directory, 'left'));

  await measure();
  expect(await commitTrees.removeLeftovers()).toEqual(['left']);
  expect(existsSync(tree.path)).toBe(true);
  await tree.drop();
  await measure();

  const [before, during, after] = measured as [number, number, number];
  expect(during - before).toBeGreaterThanOrEqual(2 * MIB);
  expect(after - before).toBeLessThan(MIB);
  expect(readdirSync(commitTrees.directory)).toEqual([]);
});
