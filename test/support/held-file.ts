import { execFileSync } from 'node:child_process';
import { open, readFile, rename } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/** A file that whoever reads it next gets slowly, and never whole. */
export interface HeldFile {
  /** Resolves when its first half has been taken. */
  readonly halfTaken: Promise<void>;
  /** Resolves when its reader has gone away, or the file was put back. */
  readonly readerGone: Promise<void>;
  /** Puts the file back; a reader that is still there gets no more. */
  putBack(): Promise<void>;
}

const STEP_BYTES = 16;
const STEP_MS = 10;

/** Puts a pipe in the place of a small file: half of it comes at once, the rest a few bytes at a time, and the last byte never. For one reader. */
export async function holdFile(path: string): Promise<HeldFile> {
  const content = await readFile(path);
  const half = content.length >> 1;
  const aside = `${path}.aside`;
  await rename(path, aside);
  execFileSync('mkfifo', [path]);
  let ended = false;
  let opened = false;
  const opening = open(path, 'w').finally(() => {
    opened = true;
  });
  const halfTaken = opening.then(async (pipe) => {
    await pipe.writeFile(content.subarray(0, half));
  });
  const readerGone = halfTaken.then(async () => {
    const pipe = await opening;
    try {
      for (let at = half; !ended; at += STEP_BYTES) {
        const step = content.subarray(at, Math.min(at + STEP_BYTES, content.length - 1));
        if (step.length > 0) await pipe.write(step);
        await sleep(STEP_MS);
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EPIPE') throw error;
    } finally {
      await pipe.close();
    }
  });
  return {
    halfTaken,
    readerGone,
    async putBack() {
      ended = true;
      // Nobody came to read: opening it to write would wait for ever.
      const reader = opened ? undefined : await open(path, 'r');
      await readerGone;
      await reader?.close();
      await rename(aside, path);
    },
  };
}
