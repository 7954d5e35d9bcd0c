import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { type Entry, makeArchive, makeTar, paxEntry } from './archives.ts';
import { inPieces, leftOn, makeStore, problemOf } from './store-world.ts';

const FILE: Entry = { path: 'fine.txt', content: 'fine' };
const UNICODE = Buffer.from('bad\u{e4}', 'latin1');

describe('an entry that misbehaves is refused by its name, and nothing stays', () => {
  it.each<[string, Entry[], string]>([
    [
      'an absolute path',
      [FILE, { path: '/etc/cron.d/x' }],
      'The archive\'s entry "/etc/cron.d/x" has an absolute path. Pack paths relative to the folder that is uploaded: "tar -C <folder> -cz .".',
    ],
    [
      'a path that climbs out',
      [FILE, { path: 'a/../../x' }],
      'The archive\'s entry "a/../../x" leaves the tree with "..". Pack only what lies in the folder that is uploaded: "tar -C <folder> -cz .".',
    ],
    [
      'a link to an absolute path',
      [{ path: 'l', type: 'SymbolicLink', linkpath: '/etc/passwd' }],
      'The archive\'s entry "l" is a symbolic link that leaves the tree (to "/etc/passwd"). Replace it by the file that it points to ("tar -h" does), or leave it out with the input "exclude".',
    ],
    [
      'a link that climbs out',
      [{ path: 'a/l', type: 'SymbolicLink', linkpath: '../../x' }],
      'The archive\'s entry "a/l" is a symbolic link that leaves the tree (to "../../x"). Replace it by the file that it points to ("tar -h" does), or leave it out with the input "exclude".',
    ],
    [
      'a hard link that climbs out',
      [{ path: 'l', type: 'Link', linkpath: '../x' }],
      'The archive\'s entry "l" is a hard link that leaves the tree (to "../x"). Pack with "tar --hard-dereference", which packs such files in full, or leave it out with the input "exclude".',
    ],
    [
      'a hard link to nothing',
      [{ path: 'l', type: 'Link', linkpath: 'x' }],
      'The archive\'s entry "l" is a hard link to "x", which no earlier entry holds. Pack with "tar --hard-dereference", which packs such files in full, or leave it out with the input "exclude".',
    ],
    [
      'a device',
      [{ path: 'dev/null', type: 'CharacterDevice' }],
      'The archive\'s entry "dev/null" is a device, not a file. Leave it out with the input "exclude".',
    ],
    [
      'a disk',
      [{ path: 'sda', type: 'BlockDevice' }],
      'The archive\'s entry "sda" is a device, not a file. Leave it out with the input "exclude".',
    ],
    [
      'a named pipe',
      [{ path: 'p', type: 'FIFO' }],
      'The archive\'s entry "p" is a named pipe, not a file. Leave it out with the input "exclude".',
    ],
    [
      'a doubled file',
      [FILE, FILE],
      'The archive\'s entry "fine.txt" is in the archive twice. Pack each file once: with one run of tar, not with "tar -r".',
    ],
    [
      'a doubled file by another spelling',
      [FILE, { path: './/fine.txt' }],
      'The archive\'s entry ".//fine.txt" is in the archive twice. Pack each file once: with one run of tar, not with "tar -r".',
    ],
    [
      'a file below a file',
      [FILE, { path: 'fine.txt/x' }],
      'The archive\'s entry "fine.txt/x" lies below "fine.txt", which is a file in the same archive. Pack the folder with one run of tar.',
    ],
    [
      'a root that is a link',
      [{ path: './', type: 'SymbolicLink', linkpath: 'x' }],
      'The archive\'s entry "./" would replace the root of the tree. Pack a folder, not a single file or link.',
    ],
    [
      'a line break in a name',
      [{ path: 'a\nb' }],
      'The archive\'s entry "a\\u{a}b" has a control character or line break in its name. Rename it, or leave it out with the input "exclude".',
    ],
    [
      'a kind that is not known',
      [{ path: 'sparse', type: 'SparseFile' }],
      'The archive\'s entry "sparse" is of a kind that cannot be unpacked (SparseFile). Pack with "tar -czf" and without options like --sparse.',
    ],
  ])('%s', async (_what, entries, message) => {
    const { root, store } = await makeStore();
    expect(await problemOf(store.receive(inPieces(makeArchive(entries))))).toEqual({
      type: 'archive-entry-refused',
      status: 422,
      message,
    });
    expect(await leftOn(root)).toEqual([]);
  });

  it('a name that is not UTF-8', async () => {
    const { root, store } = await makeStore();
    const tar = makeTar([{ path: 'bad_' }]);
    UNICODE.copy(tar, 0);
    tar.write(`${checksum(tar).toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
    const { message } = await problemOf(store.receive(inPieces(gzipSync(tar))));
    expect(message).toContain('has a name that is not UTF-8');
    expect(await leftOn(root)).toEqual([]);
  });

  it('a file that is written through a link, to whatever the link points', async () => {
    const { root, store } = await makeStore();
    for (const target of ['.', 'fine', '../../../../tmp']) {
      const entries: Entry[] = [
        { path: 'fine', type: 'Directory' },
        { path: 'l', type: 'SymbolicLink', linkpath: target },
        { path: 'l/x', content: 'written through' },
      ];
      const { message } = await problemOf(store.receive(inPieces(makeArchive(entries))));
      expect(message).toMatch(/"l\/x" lies below "l", which is a symbolic link in the same archive/);
    }
    expect(await leftOn(root)).toEqual([]);
  });

  it('a link that replaces a folder with files in it', async () => {
    const { store } = await makeStore();
    const entries: Entry[] = [{ path: 'd/x' }, { path: 'd', type: 'SymbolicLink', linkpath: '.' }];
    expect((await problemOf(store.receive(inPieces(makeArchive(entries))))).message).toContain(
      '"d" is in the archive twice',
    );
  });

  it('a link that leaves the tree only by way of another link', async () => {
    const { root, store } = await makeStore();
    const entries: Entry[] = [
      { path: 'a/b/c/up', type: 'SymbolicLink', linkpath: '../../..' },
      { path: 'out', type: 'SymbolicLink', linkpath: 'a/b/c/up/../x' },
    ];
    expect((await problemOf(store.receive(inPieces(makeArchive(entries))))).message).toContain(
      '"out" is a symbolic link that leaves',
    );
    expect(await leftOn(root)).toEqual([]);
  });

  it('a pax path with a line break, which the tar library would cut', async () => {
    const { store } = await makeStore();
    const tar = Buffer.concat([paxEntry('path', 'first\nsecond'), makeTar([FILE])]);
    expect((await problemOf(store.receive(inPieces(gzipSync(tar))))).message).toContain(
      '"first" has a line break in its name',
    );
  });

  it('a pax path that leaves the tree', async () => {
    const { store } = await makeStore();
    const tar = Buffer.concat([paxEntry('path', '../evil'), makeTar([FILE])]);
    expect((await problemOf(store.receive(inPieces(gzipSync(tar))))).message).toContain('"../evil" leaves the tree');
  });
});

describe('an archive that cannot be read is refused, and nothing stays', () => {
  const whole = makeArchive([FILE, { path: 'big', content: Buffer.alloc(5000, 'x') }]);
  it.each<[string, Buffer, string]>([
    ['nothing', Buffer.alloc(0), 'is empty'],
    ['text', Buffer.from('not an archive at all'), 'is not readable as gzip'],
    ['a tar without gzip', makeTar([FILE]), 'is not readable as gzip'],
    ['gzipped text', gzipSync(Buffer.from('text '.repeat(500))), 'is not readable as tar'],
    ['gzip of a few bytes', gzipSync('x'), 'is empty'],
    [
      'gzip twice',
      gzipSync(
        Buffer.concat([
          makeArchive([{ path: 'x', content: Buffer.from(Array.from({ length: 3000 }, (_, i) => (i * 7919) % 251)) }]),
          Buffer.alloc(600),
        ]),
      ),
      'is gzipped twice',
    ],
    ['half a gzip', whole.subarray(0, whole.length - 20), 'ends in the middle of its gzip data'],
    [
      'half a tar',
      gzipSync(makeTar([FILE, { path: 'big', content: Buffer.alloc(5000) }]).subarray(0, 2048)),
      'is not readable as tar',
    ],
    ['a tar without its end', makeArchive([FILE], { endMark: false }), 'has no end mark'],
    ['no files', makeArchive([{ path: './', type: 'Directory' }]), 'has no files in it'],
    ['only an end', makeArchive([]), 'has no files in it'],
  ])('%s', async (_what, bytes, message) => {
    const { root, store } = await makeStore();
    const problem = await problemOf(store.receive(inPieces(bytes, 100)));
    expect(problem).toMatchObject({ type: 'archive-damaged', status: 422 });
    expect(problem.message).toContain(`The archive ${message}`);
    expect(await leftOn(root)).toEqual([]);
  });

  it('one with a flipped bit', async () => {
    const { root, store } = await makeStore();
    const flipped = Buffer.from(whole);
    flipped[flipped.length - 6] = (flipped.at(-6) as number) ^ 1; // in the CRC
    expect((await problemOf(store.receive(inPieces(flipped)))).type).toBe('archive-damaged');
    expect(await leftOn(root)).toEqual([]);
  });
});

function checksum(tar: Buffer): number {
  return tar.subarray(0, 512).reduce((sum, byte, at) => sum + (at >= 148 && at < 156 ? 32 : byte), 0);
}
