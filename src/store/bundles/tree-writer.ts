import { link, mkdir, open, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { parentOf } from './entry-path.ts';
import { refuseEntry } from './refusals.ts';

const MAX_TASKS = 128;
const MAX_BYTES = 16 * 1024 ** 2;
const FLUSH_BYTES = 1024 ** 2;
const FILE_MODE = 0o600;
const EXECUTABLE_MODE = 0o700;
const DIRECTORY_MODE = 0o700;

/** Takes the content of one file; all of it returns at once. */
export interface FileSink {
  write(chunk: Uint8Array): void;
  end(): void;
}

/**
 * Writes a new tree, many small files at a time: the caller never waits for one file, only for `ready` when too much is under way.
 * Private modes: whoever runs the tree as another user hands it over.
 */
export class TreeWriter {
  private readonly root: string;
  private readonly made = new Map<string, Promise<void>>();
  private readonly waiting: Array<() => void> = [];
  private tasks = 0;
  private bytes = 0;
  private openContent: FileContent | undefined;
  private failure: { readonly error: unknown; readonly entry: string } | undefined;

  /** @param root absolute path of a folder that exists and is empty */
  constructor(root: string) {
    this.root = root;
    this.made.set('', Promise.resolve());
  }

  directory(path: string): void {
    this.make(path, () => mkdir(join(this.root, path), DIRECTORY_MODE));
  }

  symlink(path: string, target: string): void {
    this.make(path, () => symlink(target, join(this.root, path)));
  }

  /** A second name of a file that was begun before. */
  hardLink(path: string, existing: string): void {
    this.make(path, async () => {
      await this.made.get(existing);
      await link(join(this.root, existing), join(this.root, path));
    });
  }

  /** Begins a file; the one before it has ended by then. */
  file(path: string, options: { readonly executable: boolean; readonly modifiedAt: Date | undefined }): FileSink {
    const content = new FileContent();
    let begun = false;
    const begin = (): void => {
      if (begun) return;
      begun = true;
      this.make(path, () => this.writeFile(path, content, options));
    };
    this.openContent = content;
    return {
      write: (chunk) => {
        this.bytes += chunk.length;
        content.push(chunk);
        // A small file is written when it is whole: it then waits for nothing.
        if (content.size >= FLUSH_BYTES) begin();
      },
      end: () => {
        content.end();
        begin();
      },
    };
  }

  private async writeFile(
    path: string,
    content: FileContent,
    options: { readonly executable: boolean; readonly modifiedAt: Date | undefined },
  ): Promise<void> {
    const file = await open(join(this.root, path), 'wx', options.executable ? EXECUTABLE_MODE : FILE_MODE);
    try {
      for (let batch = await content.take(); batch !== undefined; batch = await content.take()) {
        for (const chunk of batch) {
          await file.writeFile(chunk);
          this.bytes -= chunk.length;
        }
        this.wake();
      }
      if (options.modifiedAt !== undefined) await file.utimes(options.modifiedAt, options.modifiedAt);
    } finally {
      await file.close();
    }
  }

  /** Resolves when more can be taken; rejects once anything failed. */
  async ready(): Promise<void> {
    while ((this.tasks > MAX_TASKS || this.bytes > MAX_BYTES) && this.failure === undefined) {
      await new Promise<void>((resolve) => this.waiting.push(resolve));
    }
    this.throwFailure();
  }

  /** Resolves when all is written. */
  async finish(): Promise<void> {
    await this.abandon();
    this.throwFailure();
  }

  /** Resolves when nothing is under way any more, whatever failed. */
  async abandon(): Promise<void> {
    this.openContent?.end();
    await Promise.all(this.made.values());
  }

  private throwFailure(): void {
    if (this.failure === undefined) return;
    const { error, entry } = this.failure;
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') {
      throw refuseEntry(
        entry,
        'has a name that this file system takes for that of another entry',
        'Rename one of them: they may differ in case only.',
      );
    }
    throw error;
  }

  /** Runs after the folder that the path lies in is there, and not at all once something failed. */
  private make(path: string, act: () => Promise<void>): void {
    this.tasks++;
    this.made.set(path, this.run(path, act));
  }

  private async run(path: string, act: () => Promise<void>): Promise<void> {
    try {
      await this.made.get(parentOf(path));
      if (this.failure === undefined) await act();
    } catch (error) {
      this.failure ??= { error, entry: path };
    } finally {
      this.tasks--;
      this.wake();
    }
  }

  private wake(): void {
    for (const resolve of this.waiting.splice(0)) resolve();
  }
}

/** The chunks of one file between the one who brings them and the one who writes them. */
class FileContent {
  size = 0;
  private chunks: Uint8Array[] = [];
  private ended = false;
  private wake: (() => void) | undefined;

  push(chunk: Uint8Array): void {
    this.chunks.push(chunk);
    this.size += chunk.length;
    this.wake?.();
  }

  end(): void {
    this.ended = true;
    this.wake?.();
  }

  /** What has come since the last call, waited for; undefined after the end. */
  async take(): Promise<Uint8Array[] | undefined> {
    while (this.chunks.length === 0) {
      if (this.ended) return undefined;
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
    const chunks = this.chunks;
    this.chunks = [];
    return chunks;
  }
}
