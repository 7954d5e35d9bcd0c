import { execFileSync } from 'node:child_process';
import { chmod, link, mkdir, readdir, readFile, readlink, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Entry, makeArchive } from './archives.ts';
import { inPieces, leftOn, makeFolder, makeStore, problemOf } from './store-world.ts';

const ENTRIES: Entry[] = [
  { path: './', type: 'Directory' },
  { path: './run.sh', content: '#!/bin/sh\n', mode: 0o4755 },
  { path: './src/main.py', content: 'print(1)\n', mode: 0o640 },
  { path: './empty', type: 'Directory', mode: 0o555 },
  { path: './link', type: 'SymbolicLink', linkpath: 'src/../src/main.py' },
  { path: './again.py', type: 'Link', linkpath: './src/main.py' },
];

describe('a bundle that arrives', () => {
  it('is unpacked as it was packed, with private modes and without setuid', async () => {
    const { root, store } = await makeStore();
    const received = await store.receive(inPieces(makeArchive(ENTRIES)));
    expect(received).toMatchObject({ unpackedBytes: 28, entries: 6, digest: expect.stringMatching(/^[0-9a-f]{64}$/) });
    const at = (path: string) => join(received.tree, path);
    expect((await readdir(received.tree, { recursive: true })).sort()).toEqual([
      'again.py',
      'empty',
      'link',
      'run.sh',
      'src',
      'src/main.py',
    ]);
    expect(await readFile(at('link'), 'utf8')).toBe('print(1)\n');
    expect(await readlink(at('link'))).toBe('src/../src/main.py');
    expect(await readFile(at('again.py'), 'utf8')).toBe('print(1)\n');
    const modes = await Promise.all(
      ['run.sh', 'src/main.py', 'empty', 'src'].map(async (path) => (await stat(at(path))).mode & 0o7777),
    );
    expect(modes).toEqual([0o700, 0o600, 0o700, 0o700]);
    expect((await stat(at('run.sh'))).mtime).toEqual(new Date('2026-01-02T03:04:05Z'));
    for (const folder of ['bundles', 'bundles/trees'])
      expect((await stat(join(root, folder))).mode & 0o777).toBe(0o700);
    expect((await stat(join(root, 'bundles', `${received.digest}.tar.gz`))).mode & 0o777).toBe(0o600);
    expect(await store.sizeOf(received.digest)).toBe(received.archiveBytes);
  });

  it('has an address that depends on paths, modes and content only', async () => {
    const { store } = await makeStore();
    const digestOf = async (entries: Entry[], pieces = 1000) =>
      (await store.receive(inPieces(makeArchive(entries), pieces))).digest;
    const digest = await digestOf(ENTRIES);
    const [root, ...rest] = ENTRIES as [Entry, ...Entry[]];
    const bare = rest
      .filter((entry) => entry.type !== 'Link')
      .map((entry) => ({ ...entry, path: entry.path.slice(2) }));
    const same: Entry[][] = [
      rest,
      [root, ...ENTRIES.map((entry) => ({ ...entry, mtime: new Date(0) }))],
      [...bare.reverse(), { path: 'again.py', content: 'print(1)\n' }],
      [{ path: 'src', type: 'Directory' }, ...rest, { path: 'src/', type: 'Directory', mode: 0o700 }],
    ];
    for (const entries of same) expect(await digestOf(entries, 77)).toBe(digest);
    const other: Entry[][] = [
      rest.filter((entry) => entry.path !== './empty'),
      rest.map((entry) => (entry.path === './run.sh' ? { ...entry, mode: 0o644 } : entry)),
      rest.map((entry) => (entry.path === './run.sh' ? { ...entry, content: '#!/bin/sh\n#' } : entry)),
      rest.map((entry) => (entry.path === './run.sh' ? { ...entry, path: './run2.sh' } : entry)),
      rest.map((entry) => (entry.path === './link' ? { ...entry, linkpath: 'src/main.py' } : entry)),
    ];
    const digests = new Set([digest]);
    for (const entries of other) digests.add(await digestOf(entries));
    expect(digests.size).toBe(6);
  });

  it('is the same from a new checkout, packed by the real tar', async () => {
    const { store } = await makeStore();
    const digests: string[] = [];
    for (const time of [1_000, 2_000_000]) {
      const folder = await makeFolder();
      await mkdir(join(folder, 'a/b'), { recursive: true });
      const name = `${'ä'.repeat(40)}/${'long'.repeat(30)}`;
      await mkdir(join(folder, name), { recursive: true });
      await writeFile(join(folder, name, 'f'), 'x'.repeat(70_000));
      await writeFile(join(folder, 'a/b/empty'), '');
      await symlink('b/empty', join(folder, 'a/l'));
      await link(join(folder, 'a/b/empty'), join(folder, 'a/hard'));
      await chmod(join(folder, 'a/b/empty'), 0o755);
      await utimes(join(folder, 'a/b/empty'), time, time);
      const format = time === 1_000 ? 'gnu' : 'pax';
      const bytes = execFileSync('tar', ['-czf', '-', `--format=${format}`, '-C', folder, '.']);
      digests.push((await store.receive(inPieces(bytes, 333))).digest);
    }
    expect(digests[0]).toBe(digests[1]);
    expect(await store.list()).toEqual([digests[0]]);
  });

  it('keeps its content however the pieces fall', async () => {
    const { store } = await makeStore();
    const files = fc.dictionary(fc.stringMatching(/^[a-c]{1,3}$/), fc.uint8Array({ maxLength: 3000 }), {
      maxKeys: 6,
      minKeys: 1,
    });
    await fc.assert(
      fc.asyncProperty(files, fc.integer({ min: 1, max: 2000 }), async (content, size) => {
        const entries = Object.entries(content).map(([path, bytes]) => ({
          path: `d/${path}`,
          content: Buffer.from(bytes),
        }));
        const received = await store.receive(inPieces(makeArchive(entries), size));
        for (const { path, content: bytes } of entries)
          expect(await readFile(join(received.tree, path))).toEqual(bytes);
        await store.release(received, { keepTree: false });
        await store.remove(received.digest);
      }),
      { numRuns: 40 },
    );
  });
});

describe('a source', () => {
  it('hands over the staged tree first, then unpacks the archive again, each time the same', async () => {
    const { root, store } = await makeStore();
    const received = await store.receive(inPieces(makeArchive(ENTRIES)));
    await store.release(received, { keepTree: true });
    const { ino } = await stat(received.tree);
    for (const name of ['one', 'two', 'three']) await store.source(received.digest).unpackInto(join(root, name));
    expect((await stat(join(root, 'one'))).ino).toBe(ino);
    expect((await stat(join(root, 'two'))).ino).not.toBe(ino);
    for (const name of ['one', 'two', 'three']) {
      expect((await readdir(join(root, name), { recursive: true })).length).toBe(6);
      expect(await readFile(join(root, name, 'again.py'), 'utf8')).toBe('print(1)\n');
    }
    expect(await leftOn(root)).toEqual([`${received.digest}.tar.gz`]);
    expect((await readdir(root)).sort()).toEqual(['bundles', 'one', 'three', 'two']);
  });

  it('finds what an earlier process stored, and nothing that it staged', async () => {
    const { root, store } = await makeStore();
    const { digest } = await store.receive(inPieces(makeArchive(ENTRIES)));
    await writeFile(join(root, 'bundles/incoming/half'), 'half');
    await store.clean();
    expect(await leftOn(root)).toEqual([`${digest}.tar.gz`]);
    await store.source(digest).unpackInto(join(root, 'tree'));
    expect(await readFile(join(root, 'tree/run.sh'), 'utf8')).toBe('#!/bin/sh\n');
  });

  it('replaces what a crash left beside its target', async () => {
    const { root, store } = await makeStore();
    const received = await store.receive(inPieces(makeArchive(ENTRIES)));
    const { digest } = received;
    await store.release(received, { keepTree: false });
    await mkdir(join(root, 'tree.unpacking/old'), { recursive: true });
    await store.source(digest).unpackInto(join(root, 'tree'));
    expect(await readdir(join(root, 'tree'))).not.toContain('old');
    expect((await readdir(root)).sort()).toEqual(['bundles', 'tree']);
  });

  it('of a bundle that is gone says so, and of one that was changed on disk too', async () => {
    const { root, store } = await makeStore();
    const received = await store.receive(inPieces(makeArchive(ENTRIES)));
    const { digest } = received;
    await store.release(received, { keepTree: false });
    await writeFile(join(root, 'bundles', `${digest}.tar.gz`), makeArchive([{ path: 'other' }]));
    expect(await problemOf(store.source(digest).unpackInto(join(root, 'tree')))).toMatchObject({
      type: 'bundle-damaged',
    });
    await store.remove(digest);
    expect(await problemOf(store.source(digest).unpackInto(join(root, 'tree')))).toMatchObject({
      type: 'bundle-gone',
      status: 404,
    });
    expect(await readdir(root)).toEqual(['bundles']);
    expect(() => store.source('../../etc/passwd')).toThrow(TypeError);
  });
});

describe('bundles that come and go', () => {
  it('leaves the tree of an upload that is still looked at to whoever looks, when the same files are started', async () => {
    const { root, store } = await makeStore();
    const archive = makeArchive([{ path: 'a', content: 'a' }]);
    const [looked, used] = [await store.receive(inPieces(archive)), await store.receive(inPieces(archive))];
    await store.release(used, { keepTree: true });
    for (const name of ['one', 'two']) await store.source(used.digest).unpackInto(join(root, name));
    await store.dropStaged(used.digest);
    expect(await readdir(looked.tree)).toEqual(['a']);

    await store.release(looked, { keepTree: false });
    expect(await readdir(join(root, 'bundles', 'trees'))).toEqual([]);
    for (const name of ['one', 'two']) expect(await readdir(join(root, name))).toEqual(['a']);
  });

  it('one that has arrived is there, whenever the same one from before is removed', async () => {
    const { store } = await makeStore();
    const archive = makeArchive([{ path: 'a', content: 'a' }]);
    const lost: number[] = [];
    let longest = 0;
    for (let round = 0; round < 150; round += 1) {
      const before = await store.receive(inPieces(archive));
      await store.release(before, { keepTree: false });
      let isReceived = false;
      const receiving = store.receive(inPieces(archive)).finally(() => {
        isReceived = true;
      });
      const removedAt = round === 0 ? Number.POSITIVE_INFINITY : (round * 7) % longest;
      let turn = 0;
      for (; !isReceived && turn < removedAt; turn += 1) await nextTurn();
      longest = Math.max(longest, turn);
      const removing = store.remove(before.digest);
      const received = await receiving;
      await removing;
      if (!(await store.has(received.digest))) lost.push(round);
      await store.release(received, { keepTree: false });
    }
    expect(lost).toEqual([]);
  });

  it('the same bundle from two jobs at once is kept once, and gives two trees', async () => {
    const { root, store } = await makeStore();
    const [one, two] = await Promise.all([
      store.receive(inPieces(makeArchive(ENTRIES))),
      store.receive(inPieces(makeArchive(ENTRIES), 50)),
    ]);
    expect(one.digest).toBe(two.digest);
    expect(one.tree).not.toBe(two.tree);
    expect(await store.list()).toEqual([one.digest]);
    await store.release(one, { keepTree: false });
    expect(await readdir(join(root, 'bundles/trees'))).toHaveLength(1);
    await store.remove(one.digest);
    expect(await store.has(one.digest), 'the other job has not decided yet').toBe(true);
    await store.release(two, { keepTree: true });
    await store.remove(one.digest);
    await store.remove(one.digest);
    expect(await leftOn(root)).toEqual([]);
    expect(await store.has(one.digest)).toBe(false);
    expect(await store.sizeOf(one.digest)).toBeUndefined();
    expect(await store.list()).toEqual([]);
  });
});
