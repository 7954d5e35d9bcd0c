import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { type Entry, makeArchive, makeTar } from './archives.ts';
import { inPieces, LIMITS, leftOn, makeStore, problemOf } from './store-world.ts';

const FILE: Entry = { path: 'fine.txt', content: 'fine' };

describe('an archive that is too large is refused while it streams, and nothing stays', () => {
  it('by its declared length, before anything is read', async () => {
    const { store } = await makeStore();
    let read = false;
    async function* body(): AsyncGenerator<Uint8Array> {
      read = true;
      yield Buffer.alloc(1);
    }
    const problem = await problemOf(store.receive(body(), { declaredBytes: LIMITS.archiveBytes + 1 }));
    expect(problem).toMatchObject({ type: 'archive-too-large', status: 413 });
    expect(problem.message).toContain('is larger than 1.0 MiB');
    expect(read).toBe(false);
  });

  it('by its real length', async () => {
    const { root, store } = await makeStore();
    const noise = Buffer.from(
      Array.from({ length: LIMITS.archiveBytes + 1000 }, () => Math.floor(Math.random() * 256)),
    );
    const problem = await problemOf(store.receive(inPieces(makeArchive([{ path: 'noise', content: noise }]), 65_536)));
    expect(problem).toMatchObject({ status: 413 });
    expect(await leftOn(root)).toEqual([]);
  });

  it.each<[string, Buffer, string]>([
    [
      'one huge file of zeros',
      makeArchive([{ path: 'zeros', content: Buffer.alloc(LIMITS.unpackedBytes + 1) }]),
      'unpacks to more than 4.0 MiB',
    ],
    [
      'many files',
      makeArchive(Array.from({ length: LIMITS.entries + 1 }, (_, i) => ({ path: `f${i}` }))),
      'has more than 500',
    ],
    [
      'folders that no entry names',
      makeArchive(Array.from({ length: 20 }, (_, i) => ({ path: `${`${i}/`.repeat(30)}f` }))),
      'has more than 500',
    ],
    [
      'one folder again and again',
      makeArchive(Array.from({ length: LIMITS.entries + 1 }, () => ({ path: 'd', type: 'Directory' }) as const)),
      'has more than 500',
    ],
    [
      'hard links that a copy would write in full',
      makeArchive([
        { path: 'a', content: Buffer.alloc(1024 ** 2) },
        ...Array.from({ length: 5 }, (_, i) => ({ path: `l${i}`, type: 'Link', linkpath: 'a' }) as const),
      ]),
      'unpacks to more than 4.0 MiB',
    ],
    [
      'zeros after the end',
      gzipSync(Buffer.concat([makeTar([FILE]), Buffer.alloc(8 * 1024 ** 2)])),
      'unpacks to more than 4.0 MiB',
    ],
  ])('by what it unpacks to: %s', async (_what, bytes, message) => {
    const { root, store } = await makeStore();
    const problem = await problemOf(store.receive(inPieces(bytes)));
    expect(problem).toMatchObject({ type: 'archive-too-large', status: 413 });
    expect(problem.message).toContain(message);
    expect(await leftOn(root)).toEqual([]);
  });
});

describe('a sender that goes away', () => {
  it('leaves nothing, also within a large file', async () => {
    const { root, store } = await makeStore();
    const bytes = makeArchive([
      { path: 'noise', content: Buffer.from(Array.from({ length: 300_000 }, () => Math.floor(Math.random() * 256))) },
    ]);
    async function* body(): AsyncGenerator<Uint8Array> {
      yield* inPieces(bytes.subarray(0, 200_000), 10_000);
      throw new Error('aborted');
    }
    expect(await problemOf(store.receive(body()))).toMatchObject({ type: 'upload-incomplete', status: 408 });
    expect(await leftOn(root)).toEqual([]);
  });

  it('is noticed by the declared length where the archive looks whole', async () => {
    const { root, store } = await makeStore();
    const bytes = makeArchive([FILE]);
    const problem = await problemOf(store.receive(inPieces(bytes), { declaredBytes: bytes.length + 1 }));
    expect(problem).toMatchObject({ type: 'upload-incomplete' });
    expect(await leftOn(root)).toEqual([]);
  });

  it('after it was refused changes nothing of the refusal', async () => {
    const { store } = await makeStore();
    async function* body(): AsyncGenerator<Uint8Array> {
      yield* inPieces(Buffer.alloc(20_000, 'no gzip'));
      throw new Error('aborted');
    }
    expect(await problemOf(store.receive(body()))).toMatchObject({ type: 'archive-damaged' });
  });

  it('that is refused is heard to its end, so that it reads the answer', async () => {
    const { store } = await makeStore();
    let sent = 0;
    async function* body(): AsyncGenerator<Uint8Array> {
      const noise = Buffer.from(Array.from({ length: 400_000 }, () => Math.floor(Math.random() * 256)));
      for await (const piece of inPieces(makeArchive([{ path: '../x' }, { path: 'noise', content: noise }]))) {
        sent++;
        yield piece;
      }
      sent = -1;
    }
    expect(await problemOf(store.receive(body()))).toMatchObject({ status: 422 });
    expect(sent).toBe(-1);
  });
});
