import { randomUUID } from 'node:crypto';
import { cp, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { formatBytes } from '../../deployment/units.ts';
import type { BundleSource } from './bundle-store.ts';
import { type BundleLimits, refuseTooLarge } from './refusals.ts';
import { unpackArchive } from './unpack-archive.ts';

/** Files of a commit, unpacked for a while. */
export interface CommitTree extends BundleSource {
  /** Absolute path; until something takes it. */
  readonly path: string;
  /** Removes what nobody has taken. */
  drop(): Promise<void>;
}

/** Trees of commits that are looked at and then taken by an instance. None of them is kept: what is left of one is removed. */
export interface CommitTrees {
  /** The folder that they lie in; absolute. */
  readonly directory: string;
  /**
   * Unpacks an archive as GitLab makes it while it streams, within the limits of an upload.
   * @throws ProblemError as for uploads; what the archive's stream rejects with
   */
  unpack(archive: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<CommitTree>;
  /** Removes all that is no tree of somebody who still works on it; returns the names. */
  removeLeftovers(): Promise<string[]>;
}

/** @param options.directory absolute; made where it is missing */
export function createCommitTrees(options: { readonly directory: string; readonly limits: BundleLimits }): CommitTrees {
  const { directory, limits } = options;
  const owned = new Set<string>();
  return {
    directory,
    async unpack(archive, signal) {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      const name = randomUUID();
      const path = join(directory, name);
      owned.add(name);
      const drop = async (): Promise<void> => {
        owned.delete(name);
        await rm(path, { recursive: true, force: true });
      };
      let failure: unknown;
      try {
        await mkdir(path, { mode: 0o700 });
        // The stream of gunzip replaces errors of its source; the first one is what happened.
        const bounded = within(archive, limits, (error) => {
          failure ??= error;
        });
        await unpackArchive(bounded, path, { limits, belowFolder: true, signal });
      } catch (error) {
        await drop();
        throw failure ?? error;
      }
      return { path, drop, unpackInto: (target, stop) => take(path, target, stop) };
    },
    async removeLeftovers() {
      const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return [];
        throw error;
      });
      const left = names.filter((name) => !owned.has(name));
      for (const name of left) await rm(join(directory, name), { recursive: true, force: true });
      return left;
    },
  };
}

async function* within(
  archive: AsyncIterable<Uint8Array>,
  limits: BundleLimits,
  onFailure: (error: unknown) => void,
): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  try {
    for await (const chunk of archive) {
      bytes += chunk.length;
      const limit = formatBytes(limits.archiveBytes);
      if (bytes > limits.archiveBytes) throw refuseTooLarge(`is larger than ${limit}`, limit);
      yield chunk;
    }
  } catch (error) {
    onFailure(error);
    throw error;
  }
}

async function take(path: string, target: string, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted();
  try {
    await rename(path, target);
  } catch (error) {
    // Instances may lie on another file system.
    if (!(error instanceof Error && 'code' in error && error.code === 'EXDEV')) throw error;
    try {
      await cp(path, target, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true, mode: 0 });
    } catch (failure) {
      await rm(target, { recursive: true, force: true });
      throw failure;
    }
    await rm(path, { recursive: true, force: true });
  }
}
