import { formatBytes } from '../deployment/units.ts';
import { ProblemError } from '../errors.ts';

/** Left free for the database, logs and what runs: an upload is refused before the disk is full. */
const RESERVE_BYTES = 256 * 1024 ** 2;
/** An archive lies on disk beside the tree that is unpacked from it; compressed source code grows to about four times its size. */
const UNPACKED_FACTOR = 4;

/** Whether there is room for one more upload. */
export interface DiskRoom {
  /**
   * @param bytes of the archive that is about to come, as far as it is known
   * @throws ProblemError 507, which names what is full and who can do what about it
   */
  check(bytes?: number): Promise<void>;
  /** An upload took so much, which the next measuring will count. */
  received(bytes: number): void;
  /** What everything together was measured to take; what was received before counts no longer. */
  measured(usedBytes: number): void;
}

/**
 * @param options.directory whose file system counts: `BD_DATA_DIR`
 * @param options.maxBytes `BD_MAX_DISK`
 * @param options.freeBytes what a process may still write there
 * @param options.makeRoom removes what can go until so many bytes fit in, and measures; called where the limit is reached, before an upload is refused
 */
export function createDiskRoom(options: {
  readonly directory: string;
  readonly maxBytes: number;
  readonly freeBytes: (directory: string) => Promise<number>;
  readonly makeRoom: (bytes: number) => Promise<void>;
}): DiskRoom {
  const { directory, maxBytes, freeBytes, makeRoom } = options;
  let used = 0;

  const wayOut = 'make room there, or end branch deployments that nobody needs';
  async function lack(bytes: number): Promise<ProblemError | undefined> {
    const free = await freeBytes(directory);
    if (free < RESERVE_BYTES + bytes * UNPACKED_FACTOR)
      return refuse(
        `the disk of BD_DATA_DIR has ${formatBytes(free)} left, and an upload needs more than that to spare: ${wayOut}`,
      );
    if (used + bytes <= maxBytes) return undefined;
    return refuse(
      `branch deployments take ${formatBytes(used)} of the ${formatBytes(maxBytes)} that BD_MAX_DISK allows, and all of it is needed by what runs: raise BD_MAX_DISK, or end branch deployments that nobody needs`,
    );
  }

  return {
    async check(bytes = 0) {
      if ((await lack(bytes)) === undefined) return;
      await makeRoom(bytes);
      const still = await lack(bytes);
      if (still) throw still;
    },
    received(bytes) {
      used += bytes;
    },
    measured(usedBytes) {
      used = usedBytes;
    },
  };
}

/** 5xx: the job ends with 75, "try again later". Nothing that its author can change is wrong. */
function refuse(what: string): ProblemError {
  return new ProblemError(
    'disk-full',
    507,
    `The service takes no upload now. Nothing is wrong with the app: its operator must act. What is full: ${what}.`,
  );
}
