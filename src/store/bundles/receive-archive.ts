import { type FileHandle, mkdir, open, rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { formatBytes } from '../../deployment/units.ts';
import { ProblemError } from '../../errors.ts';
import type { Received } from './bundle-store.ts';
import { type BundleLimits, explainFileError, refuseDamaged, refuseTooLarge, uploadBrokeOff } from './refusals.ts';
import { unpackArchive } from './unpack-archive.ts';

const DRAIN_MS = 20_000;

/** Where an upload goes. Both paths are absolute and do not exist yet. */
export interface Destination {
  readonly limits: BundleLimits;
  readonly declaredBytes: number | undefined;
  readonly archive: string;
  readonly tree: string;
  /** Moves both to where they stay, once all is well; returns the tree's path. */
  keep(digest: string): Promise<string>;
}

/** Writes an archive to disk and unpacks it in the same pass. Removes both when anything fails. */
export async function receiveArchive(body: AsyncIterable<Uint8Array>, destination: Destination): Promise<Received> {
  const { limits, declaredBytes, archive, tree } = destination;
  if (declaredBytes !== undefined && declaredBytes > limits.archiveBytes) throw tooLarge(limits);
  const upload = new Upload(body, limits);
  try {
    await mkdir(tree, { mode: 0o700 });
    const file = await open(archive, 'wx', 0o600);
    try {
      const unpacked = await unpackArchive(upload.writtenTo(file), tree, { limits });
      if (declaredBytes !== undefined && upload.bytes !== declaredBytes) throw uploadBrokeOff();
      await file.sync();
      return { ...unpacked, archiveBytes: upload.bytes, tree: await destination.keep(unpacked.digest) };
    } finally {
      await file.close();
    }
  } catch (error) {
    // Streams wrap or replace errors of their sources; the first one is what happened.
    const failure = explainFileError(upload.failure ?? error);
    await rm(archive, { force: true });
    await rm(tree, { recursive: true, force: true });
    await upload.drain();
    throw failure;
  }
}

class Upload {
  bytes = 0;
  failure: unknown;
  private readonly body: AsyncIterator<Uint8Array>;
  private readonly limits: BundleLimits;
  private ended = false;

  constructor(body: AsyncIterable<Uint8Array>, limits: BundleLimits) {
    this.body = body[Symbol.asyncIterator]();
    this.limits = limits;
  }

  /** The body's chunks, each once it is written to the file. Ending it early leaves the body as it is. */
  async *writtenTo(file: FileHandle): AsyncGenerator<Uint8Array> {
    for (let chunk = await this.next(); chunk !== undefined; chunk = await this.next()) {
      try {
        this.bytes += chunk.length;
        if (this.bytes > this.limits.archiveBytes) throw tooLarge(this.limits);
        await file.writeFile(chunk);
      } catch (error) {
        this.failure ??= error;
        throw error;
      }
      yield chunk;
    }
  }

  /**
   * Takes the rest and throws it away: a sender whose connection is closed while it sends never reads why it was refused.
   * Bounded in bytes and time; then the body is ended for good.
   */
  async drain(): Promise<void> {
    const until = Date.now() + DRAIN_MS;
    const timeout = sleep(DRAIN_MS, undefined, { ref: false });
    try {
      for (let left = this.limits.archiveBytes; !this.ended && left > 0 && Date.now() < until; ) {
        const chunk = await Promise.race([this.next(), timeout]);
        if (chunk === undefined) break;
        left -= chunk.length;
      }
      // Not waited for: a body that hangs would hang here too.
      if (!this.ended) this.body.return?.().catch(() => undefined);
    } catch {
      // The sender went away by itself.
    }
  }

  private async next(): Promise<Uint8Array | undefined> {
    try {
      const step = await this.body.next();
      if (step.done !== true) return step.value;
      this.ended = true;
      if (this.bytes === 0) throw refuseDamaged('is empty');
      return undefined;
    } catch (error) {
      this.ended = true;
      this.failure ??= error instanceof ProblemError ? error : uploadBrokeOff(error);
      throw error;
    }
  }
}

function tooLarge(limits: BundleLimits): ProblemError {
  const limit = formatBytes(limits.archiveBytes);
  return refuseTooLarge(`is larger than ${limit}`, limit);
}
