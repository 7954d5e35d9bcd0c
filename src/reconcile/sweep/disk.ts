import type { Log } from '../../log.ts';
import type { Runtime } from '../../runtimes/runtime.ts';
import type { BundleStore } from '../../store/bundles/bundle-store.ts';
import type { CommitTrees } from '../../store/bundles/commit-trees.ts';
import type { FolderSizes, MeasuredFolder } from '../../store/folder-sizes.ts';
import type { RevisionLogs } from '../../store/revision-logs.ts';
import type { Store } from '../../store/store.ts';
import { type Candidate, candidatesOf } from './disk-candidates.ts';
import type { LocalLook } from './sweep.ts';

/** What room is made for, once the limit is reached: a little more than one upload, so that not every upload makes room. */
const FILL_TO = 0.9;
const HOUR_MS = 3_600_000;
/** How long a folder's size is taken for right. Setups never change once they are made. */
const FRESH_MS = { instance: HOUR_MS, data: HOUR_MS, shared: HOUR_MS, setup: 24 * HOUR_MS, spare: 24 * HOUR_MS };
const SOON_MS = 60_000;
/** Folders that one look walks. */
const WALKS = 64;

export interface DiskContext {
  readonly store: Store;
  readonly runtime: Runtime;
  readonly bundles: BundleStore;
  readonly commitTrees: Pick<CommitTrees, 'directory'>;
  readonly logs: Pick<RevisionLogs, 'list' | 'remove' | 'size' | 'directory'>;
  readonly sizes: FolderSizes;
  readonly log: Log;
  readonly now: () => number;
  /** `BD_MAX_DISK`; bytes. */
  readonly maxBytes: number;
  /** Told what everything takes. */
  readonly measured: (usedBytes: number) => void;
}

/**
 * Keeps what branch deployments take on disk below `BD_MAX_DISK`: measures it, and where it is too much removes what nothing that runs
 * needs, the oldest first. What is left then is refused to uploads.
 */
export function diskLook(context: DiskContext): LocalLook & { makeRoom(bytes: number): Promise<void> } {
  const { store, runtime, log, maxBytes } = context;
  let making: Promise<void> = Promise.resolve();
  return {
    name: 'disk',
    everyMs: 0,
    run: (signal) => inTurn(0, signal),
    makeRoom: (bytes) => inTurn(bytes, new AbortController().signal),
  };

  /** One after the other: two that measure at once would each remove what one of them needs. */
  function inTurn(bytes: number, signal: AbortSignal): Promise<void> {
    const turn = making.catch(() => undefined).then(() => keepBelow(bytes, signal));
    making = turn;
    return turn;
  }

  async function keepBelow(bytes: number, signal: AbortSignal): Promise<void> {
    let used = await measure(context, signal);
    if (used + bytes > maxBytes) {
      const before = used;
      for await (const candidate of candidatesOf(context)) {
        if (used + bytes <= maxBytes * FILL_TO || signal.aborted) break;
        if (await remove(candidate)) used -= candidate.bytes;
      }
      log.warn({ decision: 'room', before, used, limit: maxBytes }, 'BD_MAX_DISK is reached: what can go went');
    }
    if (!signal.aborted) context.measured(used);
  }

  /** False where it is wanted again meanwhile. */
  async function remove(candidate: Candidate): Promise<boolean> {
    switch (candidate.kind) {
      case 'bundle': {
        const users = store.revisions.deploymentsOfBundle(candidate.digest);
        if (users.some(({ phase, wanted }) => phase !== 'stopped' || wanted !== 'stopped')) return false;
        await context.bundles.remove(candidate.digest);
        const message =
          'Its code was removed to make room (BD_MAX_DISK): it comes back with a new pipeline, and no longer by a reopen or /deploy.';
        for (const { id, mergeRequestId } of users)
          store.events.add({ at: context.now(), type: 'room-made', message, deploymentId: id, mergeRequestId });
        break;
      }
      case 'folder':
        await runtime.removeStored?.(candidate.folder);
        break;
      case 'log':
        context.logs.remove(candidate.revisionId);
        break;
      default:
        candidate satisfies never;
    }
    log.info({ decision: 'room', ...candidate }, 'removed to make room');
    return true;
  }
}

/** All that `BD_MAX_DISK` is about; bytes. Walks are few: most sizes are known from before. */
async function measure(context: DiskContext, signal: AbortSignal): Promise<number> {
  const { runtime, bundles, commitTrees, logs, sizes, now } = context;
  const stored = (await runtime.storedFolders?.()) ?? [];
  const folders: MeasuredFolder[] = [
    ...[...bundles.stagingFolders(), commitTrees.directory].map((path) => ({ path, freshMs: 0 })),
    { path: logs.directory, freshMs: SOON_MS },
    ...stored.map(({ path, kind, usedAt }) => ({
      path,
      // What has just been made is still growing.
      freshMs: kind === 'instance' && now() - usedAt < 10 * SOON_MS ? SOON_MS : FRESH_MS[kind],
    })),
  ];
  const measured = await sizes.measure(folders, { walks: WALKS, signal });
  let used = [...measured.values()].reduce((sum, bytes) => sum + bytes, 0);
  for (const digest of await bundles.list()) used += (await bundles.sizeOf(digest)) ?? 0;
  return used;
}
