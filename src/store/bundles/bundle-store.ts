import { randomUUID } from 'node:crypto';
import { createReadStream, renameSync, rmSync } from 'node:fs';
import { access, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ProblemError } from '../../errors.ts';
import { receiveArchive } from './receive-archive.ts';
import type { BundleLimits } from './refusals.ts';
import { TreesByDigest } from './trees-by-digest.ts';
import { unpackArchive } from './unpack-archive.ts';

/** A bundle that has arrived: kept under its digest, and unpacked once already. */
export interface Received {
  /** SHA-256, hex, over sorted (path, mode, content) of the tree: a new checkout of the same files is the same bundle. */
  readonly digest: string;
  readonly archiveBytes: number;
  readonly unpackedBytes: number;
  /** Files, folders and links. */
  readonly entries: number;
  /** Absolute path of the unpacked tree; nobody else takes or removes it before `release`. */
  readonly tree: string;
}

/** Where a runtime gets a bundle's tree from. */
export interface BundleSource {
  /** Makes the tree at `directory`, which does not exist yet but whose parent does. Rejects without leaving half a tree, soon after `signal` too. */
  unpackInto(directory: string, signal?: AbortSignal): Promise<void>;
}

/** Bundles on disk, addressed by what is in them. */
export interface BundleStore {
  /**
   * Stores and unpacks an upload while it streams. Of anything that is refused or breaks off, nothing stays on disk; what arrived
   * stays until `release`.
   * @throws ProblemError: 413 too large, 422 damaged or refused entry (named), 408 broken off, 507 disk full
   */
  receive(body: AsyncIterable<Uint8Array>, info?: { readonly declaredBytes?: number | undefined }): Promise<Received>;
  /** The tree of a bundle: the oldest staged one where there is one, else unpacked from the archive. */
  source(digest: string): BundleSource;
  /** Whoever received a bundle says, once, what becomes of it: its tree is staged for the next start of the bundle, or removed. */
  release(received: Pick<Received, 'digest' | 'tree'>, options: { readonly keepTree: boolean }): Promise<void>;
  /** Removes the staged trees of a bundle. */
  dropStaged(digest: string): Promise<void>;
  /** Removes a bundle with its staged trees, unless somebody has just received it. One that is not there is fine. */
  remove(digest: string): Promise<void>;
  /** How long ago the archive came, in ms; undefined where it is not there. */
  ageMs(digest: string): Promise<number | undefined>;
  has(digest: string): Promise<boolean>;
  /** Bytes of the archive; undefined where it is not there. */
  sizeOf(digest: string): Promise<number | undefined>;
  /** Absolute paths of the folders in which uploads and their trees lie for a while. */
  stagingFolders(): string[];
  /** Digests of all bundles, sorted. */
  list(): Promise<string[]>;
  /** Removes half-made uploads and trees that no upload and no start has to do with, and that are older than this (ms); returns their names. */
  removeLeftovers(olderThanMs: number): Promise<string[]>;
  /** Removes what an earlier process left half-made or staged. Before anything else is asked of the store. */
  clean(): Promise<void>;
}

const DIGEST = /^[0-9a-f]{64}$/;
const ARCHIVE = /^([0-9a-f]{64})\.tar\.gz$/;

/**
 * @param options.directory absolute; made where it is missing
 * @param options.now ms since the epoch, for ages
 * @param options.onRemove told before a bundle is removed
 */
export function createBundleStore(options: {
  readonly directory: string;
  readonly limits: BundleLimits;
  readonly now?: () => number;
  readonly onRemove?: (digest: string) => void;
}): BundleStore {
  const { directory, limits, now = Date.now, onRemove } = options;
  const incoming = join(directory, 'incoming');
  const trees = join(directory, 'trees');
  /** By digest, trees that the next start takes. */
  const staged = new TreesByDigest();
  /** Ids of the uploads that arrive now. */
  const arriving = new Set<string>();
  /** By digest, trees that are still looked at: two merge requests may send the same files, and each is read as long as it takes. */
  const undecided = new TreesByDigest();

  const archivePath = (digest: string): string => {
    if (!DIGEST.test(digest)) throw new TypeError(`Not the digest of a bundle: ${JSON.stringify(digest)}`);
    return join(directory, `${digest}.tar.gz`);
  };

  const makeFolders = async (): Promise<void> => {
    for (const folder of [directory, incoming, trees]) await mkdir(folder, { recursive: true, mode: 0o700 });
  };

  const unpackKept = async (digest: string, target: string, signal?: AbortSignal): Promise<void> => {
    const archive = archivePath(digest);
    if (!(await exists(archive))) {
      throw new ProblemError(
        'bundle-gone',
        404,
        `The bundle ${digest.slice(0, 12)} is not kept any more. Run a new pipeline of the merge request.`,
      );
    }
    // Beside the target, so that the rename stays on one file system; a fixed name, so that a repeated try removes what a crash left.
    const half = `${target}.unpacking`;
    await rm(half, { recursive: true, force: true });
    await mkdir(half, { mode: 0o700 });
    try {
      const unpacked = await unpackArchive(createReadStream(archive), half, { limits, signal });
      if (unpacked.digest !== digest) {
        throw new ProblemError(
          'bundle-damaged',
          500,
          `The bundle ${digest.slice(0, 12)} has changed on the service's disk. Run a new pipeline of the merge request.`,
        );
      }
      await rename(half, target);
    } catch (error) {
      await rm(half, { recursive: true, force: true });
      throw error;
    }
  };

  return {
    async receive(body, info = {}) {
      await makeFolders();
      const id = randomUUID();
      arriving.add(id);
      return receiveArchive(body, {
        limits,
        declaredBytes: info.declaredBytes,
        archive: join(incoming, `${id}.tar.gz`),
        tree: join(incoming, id),
        keep: async (digest) => {
          const tree = join(trees, `${digest}-${id}`);
          undecided.add(digest, tree);
          try {
            await rename(join(incoming, id), tree);
            const archive = archivePath(digest);
            if (await exists(archive)) await rm(join(incoming, `${id}.tar.gz`));
            else await rename(join(incoming, `${id}.tar.gz`), archive);
          } catch (error) {
            await this.release({ digest, tree }, { keepTree: false });
            throw error;
          }
          return tree;
        },
      }).finally(() => arriving.delete(id));
    },

    async release({ digest, tree }, { keepTree }) {
      undecided.remove(digest, tree);
      if (keepTree) staged.add(digest, tree);
      else await rm(tree, { recursive: true, force: true });
    },

    source(digest) {
      archivePath(digest);
      return {
        async unpackInto(target, signal) {
          const tree = staged.takeOldest(digest);
          if (tree === undefined) return unpackKept(digest, target, signal);
          try {
            await rename(tree, target);
          } catch (error) {
            await rm(tree, { recursive: true, force: true });
            // Instances may lie on another file system than bundles.
            if (!(error instanceof Error && 'code' in error && error.code === 'EXDEV')) throw error;
            await unpackKept(digest, target, signal);
          }
        },
      };
    },

    async dropStaged(digest) {
      for (const tree of staged.takeAll(digest)) await rm(tree, { recursive: true, force: true });
    },

    async remove(digest) {
      if (undecided.of(digest).length > 0) return;
      onRemove?.(digest);
      // In the same turn as the look at who receives it: the same files that arrive while it goes would be taken for kept, and go with it.
      const aside = moveAside(archivePath(digest), join(incoming, `${randomUUID()}.tar.gz`));
      for (const path of [...aside, ...staged.takeAll(digest)]) await rm(path, { recursive: true, force: true });
    },

    async ageMs(digest) {
      return (await exists(archivePath(digest))) ? now() - (await stat(archivePath(digest))).mtimeMs : undefined;
    },

    has: (digest) => exists(archivePath(digest)),

    async sizeOf(digest) {
      return (await exists(archivePath(digest))) ? (await stat(archivePath(digest))).size : undefined;
    },

    stagingFolders: () => [incoming, trees],

    async list() {
      await makeFolders();
      return (await readdir(directory)).flatMap((name) => ARCHIVE.exec(name)?.[1] ?? []).sort();
    },

    async removeLeftovers(olderThanMs) {
      await makeFolders();
      const removed: string[] = [];
      for (const folder of [incoming, trees]) {
        for (const name of await readdir(folder)) {
          const path = join(folder, name);
          const found = await stat(path).catch(() => undefined);
          if (!found || now() - found.mtimeMs < olderThanMs) continue;
          if (arriving.has(name.replace(/\.tar\.gz$/, '')) || staged.includes(path) || undecided.includes(path))
            continue;
          await rm(path, { recursive: true, force: true });
          removed.push(name);
        }
      }
      return removed;
    },

    async clean() {
      staged.clear();
      for (const folder of [incoming, trees]) await rm(folder, { recursive: true, force: true });
      await makeFolders();
    },
  };
}

/** Takes an archive out of the way at once, and returns what is left to be removed. One that is not there is fine. */
function moveAside(archive: string, aside: string): string[] {
  try {
    renameSync(archive, aside);
    return [aside];
  } catch {
    // On a full disk even a rename may lack room, and the folder may be gone. To remove a large file takes longer.
    rmSync(archive, { force: true });
    return [];
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
