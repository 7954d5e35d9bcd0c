import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import { ProblemError } from '../../../src/errors.ts';
import { type BundleStore, createBundleStore } from '../../../src/store/bundles/bundle-store.ts';

export const LIMITS = { archiveBytes: 1024 ** 2, unpackedBytes: 4 * 1024 ** 2, entries: 500 };

const roots: string[] = [];
afterEach(async () => {
  for (const root of roots.splice(0)) await rm(root, { recursive: true, force: true });
});

export async function makeFolder(): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'bundles-'));
  roots.push(root);
  return root;
}

export async function makeStore(limits: Partial<typeof LIMITS> = {}): Promise<{ root: string; store: BundleStore }> {
  const root = await makeFolder();
  return { root, store: createBundleStore({ directory: join(root, 'bundles'), limits: { ...LIMITS, ...limits } }) };
}

/** A body that arrives in pieces. */
export async function* inPieces(bytes: Buffer, size = 1000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** The problem that a promise ends with. */
export async function problemOf(promise: Promise<unknown>): Promise<{ type: string; status: number; message: string }> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof ProblemError)) throw new Error('not refused as a problem', { cause: error });
  return { type: error.type, status: error.status, message: error.message };
}

/** Everything that is on disk in the store, but its own folders. */
export async function leftOn(root: string): Promise<string[]> {
  const all = await readdir(join(root, 'bundles'), { recursive: true });
  return all.filter((path) => path !== 'incoming' && path !== 'trees');
}
