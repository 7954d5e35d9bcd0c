import { execFile } from 'node:child_process';
import { mkdir, readdir, rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { createBundleStore } from '../../../src/store/bundles/bundle-store.ts';
import { explainFileError } from '../../../src/store/bundles/refusals.ts';
import { makeArchive } from './archives.ts';
import { inPieces, leftOn, makeFolder, problemOf } from './store-world.ts';

const run = promisify(execFile);
const LIMITS = { archiveBytes: 64 * 1024 ** 2, unpackedBytes: 256 * 1024 ** 2, entries: 10_000 };
const MESSAGE =
  'The service has no space left to keep the archive and its files. Nothing is wrong with the app: try again when its operator has made room in BD_DATA_DIR.';

/** A file system of one megabyte, where the system lets us have one. */
async function onSmallDisk(test: (root: string) => Promise<void>): Promise<boolean> {
  const root = join(await makeFolder(), 'disk');
  await mkdir(root);
  const mounted = await run('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', root]).then(
    () => true,
    () => false,
  );
  if (!mounted) return false;
  try {
    await test(root);
  } finally {
    await run('umount', [root]);
  }
  return true;
}

describe('a full disk', () => {
  const noise = Buffer.from(Array.from({ length: 2 * 1024 ** 2 }, () => Math.floor(Math.random() * 256)));
  const bundles = [
    ['the archive does not fit', makeArchive([{ path: 'noise', content: noise }])],
    ['a large file does not fit', makeArchive([{ path: 'zeros', content: Buffer.alloc(8 * 1024 ** 2) }])],
    [
      'many small files do not fit',
      makeArchive(Array.from({ length: 2000 }, (_, i) => ({ path: `d${i % 7}/f${i}`, content: 'x'.repeat(2000) }))),
    ],
  ] as const;

  it.each(bundles)('is told as such and leaves nothing: %s', async (_what, bytes) => {
    const ran = await onSmallDisk(async (root) => {
      const store = createBundleStore({ directory: join(root, 'bundles'), limits: LIMITS });
      await store.clean();
      const before = (await statfs(root)).bfree;
      expect(await problemOf(store.receive(inPieces(bytes, 65_536)))).toEqual({
        type: 'no-space-left',
        status: 507,
        message: MESSAGE,
      });
      expect(await leftOn(root)).toEqual([]);
      expect((await statfs(root)).bfree).toBe(before);
      const small = await store.receive(inPieces(makeArchive([{ path: 'small', content: 'fits' }])));
      expect(await readdir(small.tree)).toEqual(['small']);
    });
    // Without the right to mount, the disk of `/dev/full` has to do: its error is the same.
    if (!ran) {
      const error: unknown = await writeFile('/dev/full', 'x').catch((reason: unknown) => reason);
      expect(explainFileError(error)).toMatchObject({ type: 'no-space-left', status: 507, message: MESSAGE });
    }
  });

  it('is no reason why a bundle could not be removed, where it cannot be moved aside first', async () => {
    const root = await makeFolder();
    const store = createBundleStore({ directory: join(root, 'bundles'), limits: LIMITS });
    const received = await store.receive(inPieces(makeArchive([{ path: 'a', content: 'a' }])));
    await store.release(received, { keepTree: true });
    await rm(join(root, 'bundles', 'incoming'), { recursive: true });

    await store.remove(received.digest);

    expect(await leftOn(root)).toEqual([]);
  });

  it.each(['ENOSPC', 'EDQUOT'])('%s is a problem of the service, any other error stays what it is', (code) => {
    expect(explainFileError(Object.assign(new Error('x'), { code }))).toMatchObject({ type: 'no-space-left' });
    const other = Object.assign(new Error('x'), { code: 'EACCES' });
    expect(explainFileError(other)).toBe(other);
  });
});
