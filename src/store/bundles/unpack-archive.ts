import { createHash } from 'node:crypto';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { Parser, type ReadEntry } from 'tar';
import { formatBytes } from '../../deployment/units.ts';
import { messageOf, ProblemError } from '../../errors.ts';
import { checkPaxHeader, parentOf, readEntryPath } from './entry-path.ts';
import { type BundleLimits, explainFileError, refuseDamaged, refuseEntry, refuseTooLarge } from './refusals.ts';
import { TreeIndex } from './tree-index.ts';
import { TreeWriter } from './tree-writer.ts';

const BLOCK = 512;
const TAR_BYTES_PER_ENTRY = 4 * BLOCK; // headers, long name and padding of one entry
const CHUNK_BYTES = 256 * 1024;

/** What came out of an archive. */
export interface Unpacked {
  readonly digest: string;
  /** Bytes of all files. */
  readonly unpackedBytes: number;
  /** Files, folders and links. */
  readonly entries: number;
}

/**
 * Unpacks a gzipped tar in one pass, with every limit kept while it streams.
 *
 * The tar library reads the format; names are checked and files written here, because the library's own unpacking repairs what must be refused
 * (absolute paths, setuid bits), overwrites doubled entries, and gives no content to hash.
 *
 * @param directory absolute path of a folder that exists and is empty; what is in it after a rejection is the caller's to remove
 * @param options.belowFolder everything in the archive lies in one folder, which is left out: GitLab packs commits so
 * @param options.signal ends it at the next piece of the archive: minutes of a large one must not hold up a close, or the service's end
 * @throws ProblemError 422 for an archive that misbehaves, 413 for one that is too large, 507 when the disk is full; the signal's reason
 */
export async function unpackArchive(
  archive: AsyncIterable<Uint8Array>,
  directory: string,
  options: {
    readonly limits: BundleLimits;
    readonly belowFolder?: boolean;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<Unpacked> {
  const unpacker = new ArchiveUnpacker(directory, options);
  try {
    await pipeline(archive, createGunzip({ chunkSize: CHUNK_BYTES }), async (tar: AsyncIterable<Buffer>) => {
      for await (const chunk of tar) {
        options.signal?.throwIfAborted();
        await unpacker.write(chunk);
      }
    });
    return await unpacker.finish();
  } catch (error) {
    await unpacker.abandon();
    throw explainZlibError(explainFileError(error));
  }
}

function explainZlibError(error: unknown): unknown {
  if (error instanceof ProblemError || !(error instanceof Error) || !('code' in error)) return error;
  if (error.code === 'Z_BUF_ERROR') return refuseDamaged('ends in the middle of its gzip data', error);
  if (typeof error.code === 'string' && error.code.startsWith('Z_'))
    return refuseDamaged(`is not readable as gzip (${error.message})`, error);
  return error;
}

class ArchiveUnpacker {
  private readonly limits: BundleLimits;
  private readonly belowFolder: boolean;
  private readonly index: TreeIndex;
  private readonly writer: TreeWriter;
  // Handlers throw out of `write`: the parser calls them at once, and it is not used again after that.
  private readonly parser = new Parser({ strict: true, brotli: false, zstd: false });
  private rest: Buffer = Buffer.alloc(0);
  private tarBytes = 0;
  private fileBytes = 0;
  private seen = 0;
  private begun = false;
  private complete = false;

  constructor(
    directory: string,
    { limits, belowFolder = false }: { readonly limits: BundleLimits; readonly belowFolder?: boolean },
  ) {
    this.limits = limits;
    this.belowFolder = belowFolder;
    this.index = new TreeIndex(limits.entries);
    this.writer = new TreeWriter(directory);
    this.parser.on('entry', (entry: ReadEntry) => this.takeEntry(entry));
    this.parser.on('ignoredEntry', (entry: ReadEntry) => {
      throw refuseEntry(
        entry.path,
        `is of a kind that cannot be unpacked (${entry.type})`,
        'Pack with "tar -czf" and without options like --sparse.',
      );
    });
    this.parser.on('meta', checkPaxHeader);
    this.parser.on('eof', () => {
      this.complete = true;
    });
    this.parser.on('error', (error: unknown) => {
      throw error instanceof ProblemError
        ? error
        : refuseDamaged(`is not readable as tar (${messageOf(error)})`, error);
    });
  }

  async write(chunk: Buffer): Promise<void> {
    this.tarBytes += chunk.length;
    // Headers count too: endless headers, or zeros after the end, must not keep the service busy.
    if (this.tarBytes > this.limits.unpackedBytes + this.limits.entries * TAR_BYTES_PER_ENTRY) this.refuseSize();
    // Whole blocks only, or the library would split long names within a character.
    let from = 0;
    if (this.rest.length > 0) {
      from = Math.min(BLOCK - this.rest.length, chunk.length);
      this.rest = Buffer.concat([this.rest, chunk.subarray(0, from)]);
      if (this.rest.length < BLOCK) return;
      this.parse(this.rest);
    }
    const to = from + Math.floor((chunk.length - from) / BLOCK) * BLOCK;
    this.rest = chunk.subarray(to);
    if (to > from) this.parse(chunk.subarray(from, to));
    await this.writer.ready();
  }

  private parse(blocks: Buffer): void {
    // The library would unzip it again, past our limits.
    if (!this.begun && blocks[0] === 0x1f && blocks[1] === 0x8b) throw refuseDamaged('is gzipped twice');
    this.begun = true;
    this.parser.write(blocks);
  }

  async finish(): Promise<Unpacked> {
    if (this.tarBytes < BLOCK) throw refuseDamaged('is empty');
    if (this.complete && this.index.size === 0) throw refuseDamaged('has no files in it');
    this.parser.end();
    // "tar | gzip" gives a whole gzip file around half a tar when tar was killed.
    if (!this.complete) throw refuseDamaged('has no end mark');
    this.index.checkLinks();
    await this.writer.finish();
    return { digest: this.index.digest(), unpackedBytes: this.fileBytes, entries: this.index.size };
  }

  abandon(): Promise<void> {
    return this.writer.abandon();
  }

  private takeEntry(entry: ReadEntry): void {
    if (++this.seen > this.limits.entries)
      throw refuseTooLarge(`has more than ${this.limits.entries} entries`, `${this.limits.entries} of them`);
    const path = this.pathOf(entry.path);
    switch (entry.type) {
      case 'Directory':
      case 'GNUDumpDir':
        this.addDirectory(path, entry.path);
        entry.resume();
        return;
      case 'File':
      case 'OldFile':
      case 'ContiguousFile':
        this.addDirectory(parentOf(path), entry.path);
        this.addFile(path, entry);
        return;
      case 'SymbolicLink':
        this.addDirectory(parentOf(path), entry.path);
        this.addSymlink(path, entry.linkpath ?? '', entry.path);
        entry.resume();
        return;
      case 'Link':
        this.addDirectory(parentOf(path), entry.path);
        this.addHardLink(path, entry);
        entry.resume();
        return;
      case 'CharacterDevice':
      case 'BlockDevice':
      case 'FIFO':
        throw refuseEntry(
          entry.path,
          `is a ${entry.type === 'FIFO' ? 'named pipe' : 'device'}, not a file`,
          'Leave it out with the input "exclude".',
        );
      default:
        throw refuseEntry(
          entry.path,
          `is of a kind that cannot be unpacked (${entry.type})`,
          'Leave it out with the input "exclude".',
        );
    }
  }

  private pathOf(name: string): string {
    const path = readEntryPath(name);
    return this.belowFolder ? path.split('/').slice(1).join('/') : path;
  }

  private addDirectory(path: string, entryName: string): void {
    for (const folder of this.index.addDirectory(path, entryName)) this.writer.directory(folder);
  }

  private addFile(path: string, entry: ReadEntry): void {
    const executable = ((entry.mode ?? 0) & 0o100) !== 0;
    const node = { kind: 'file' as const, executable, bytes: entry.size, contentHash: '' };
    this.index.add(path, node, entry.path);
    this.countBytes(entry.size);
    const sink = this.writer.file(path, { executable, modifiedAt: readableTime(entry.mtime) });
    const hash = createHash('sha256');
    entry.on('end', () => {
      node.contentHash = hash.digest('hex');
      sink.end();
    });
    entry.on('data', (chunk: Buffer) => {
      hash.update(chunk);
      sink.write(chunk);
    });
  }

  private addSymlink(path: string, target: string, entryName: string): void {
    if (target.startsWith('/') || target === '' || /\p{Cc}|\uFFFD/u.test(target)) {
      const why = target.startsWith('/') ? `leaves the tree (to "${target}")` : 'has a target that cannot be stored';
      throw refuseEntry(
        entryName,
        `is a symbolic link that ${why}`,
        'Replace it by the file that it points to ("tar -h" does), or leave it out with the input "exclude".',
      );
    }
    this.index.add(path, { kind: 'symlink', target }, entryName);
    this.writer.symlink(path, target);
  }

  private addHardLink(path: string, entry: ReadEntry): void {
    const name = entry.linkpath ?? '';
    const inside = !name.startsWith('/') && !name.split('/').includes('..');
    const existing = inside ? this.pathOf(name) : '';
    const node = this.index.at(existing);
    if (!inside || node === undefined || node.kind === 'directory') {
      const why = inside
        ? `is a hard link to "${name}", which no earlier entry holds`
        : `is a hard link that leaves the tree (to "${name}")`;
      throw refuseEntry(
        entry.path,
        why,
        'Pack with "tar --hard-dereference", which packs such files in full, or leave it out with the input "exclude".',
      );
    }
    if (node.kind === 'symlink') {
      this.addSymlink(path, node.target, entry.path);
      return;
    }
    this.index.add(path, node, entry.path);
    // A private copy of the tree may write it in full.
    this.countBytes(node.bytes);
    this.writer.hardLink(path, existing);
  }

  private countBytes(bytes: number): void {
    this.fileBytes += bytes;
    if (this.fileBytes > this.limits.unpackedBytes) this.refuseSize();
  }

  private refuseSize(): never {
    const limit = formatBytes(this.limits.unpackedBytes);
    throw refuseTooLarge(
      `unpacks to more than ${limit}`,
      `${formatBytes(this.limits.archiveBytes)} packed and ${limit} unpacked`,
    );
  }
}

/** Builds compare times, so they are kept where they make sense. */
function readableTime(time: Date | undefined): Date | undefined {
  const seconds = time === undefined ? Number.NaN : time.getTime() / 1000;
  return seconds >= 0 && seconds < 2 ** 32 ? time : undefined;
}
