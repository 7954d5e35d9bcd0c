import { gzipSync } from 'node:zlib';
import { Header } from 'tar';

/** One entry as it stands in the archive, however wrong. */
export interface Entry {
  readonly path: string;
  readonly type?:
    | 'File'
    | 'Directory'
    | 'SymbolicLink'
    | 'Link'
    | 'FIFO'
    | 'CharacterDevice'
    | 'BlockDevice'
    | 'SparseFile';
  readonly content?: string | Buffer;
  readonly mode?: number;
  readonly mtime?: Date;
  readonly linkpath?: string;
}

/** A tar as a hostile or careless sender would make it: nothing is checked. */
export function makeTar(entries: readonly Entry[], options: { readonly endMark?: boolean } = {}): Buffer {
  const end = options.endMark === false ? [] : [Buffer.alloc(1024)];
  return Buffer.concat([...entries.flatMap(encodeEntry), ...end]);
}

export function makeArchive(entries: readonly Entry[], options: { readonly endMark?: boolean } = {}): Buffer {
  return gzipSync(makeTar(entries, options));
}

/** A pax header for the entry after it, with one record. */
export function paxEntry(key: string, value: string): Buffer {
  const record = ` ${key}=${value}\n`;
  let length = Buffer.byteLength(record);
  while (Buffer.byteLength(`${length}${record}`) !== length) length = Buffer.byteLength(`${length}${record}`);
  const block = encodeHeader({ path: 'PaxHeader/x', type: 'File', mode: 0o644 }, length);
  block.write('x', 156, 'latin1');
  writeChecksum(block);
  return Buffer.concat([block, padded(Buffer.from(`${length}${record}`))]);
}

function encodeEntry(entry: Entry): Buffer[] {
  const content = Buffer.from(entry.content ?? '');
  return [encodeHeader(entry, content.length), padded(content)];
}

function encodeHeader(entry: Entry, size: number): Buffer {
  const block = Buffer.alloc(512);
  new Header({
    path: entry.path,
    type: entry.type ?? 'File',
    mode: entry.mode ?? (entry.type === 'Directory' ? 0o755 : 0o644),
    size,
    mtime: entry.mtime ?? new Date('2026-01-02T03:04:05Z'),
    uid: 1234,
    gid: 1234,
    ...(entry.linkpath === undefined ? {} : { linkpath: entry.linkpath }),
  }).encode(block, 0);
  // The library cuts what it takes for a root; here it has to stay.
  block.fill(0, 0, 100);
  block.write(entry.path, 0, 100, 'utf8');
  writeChecksum(block);
  return block;
}

function writeChecksum(block: Buffer): void {
  block.fill(' ', 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
}

function padded(content: Buffer): Buffer {
  return Buffer.concat([content, Buffer.alloc((512 - (content.length % 512)) % 512)]);
}
