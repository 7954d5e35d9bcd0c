import type { Config } from '../config.ts';
import { previewOfUrl, previewUrl } from '../deployment/naming.ts';
import type { GitLab } from '../gitlab/gitlab.ts';
import type { Log } from '../log.ts';
import type { Reconciler } from '../reconcile/reconciler.ts';
import { bundlesLook, leftoversLook } from '../reconcile/sweep/bundles.ts';
import { diskLook } from '../reconcile/sweep/disk.ts';
import { historyLook } from '../reconcile/sweep/history.ts';
import { dataLook, instancesLook } from '../reconcile/sweep/instances.ts';
import { projectReconciler } from '../reconcile/sweep/project.ts';
import { createRepairs, type Repair } from '../reconcile/sweep/repairs.ts';
import { createSweep, type Sweep } from '../reconcile/sweep/sweep.ts';
import { createTurns } from '../reconcile/sweep/turns.ts';
import type { Runtime } from '../runtimes/runtime.ts';
import type { BundleStore } from '../store/bundles/bundle-store.ts';
import type { CommitTrees } from '../store/bundles/commit-trees.ts';
import { createDiskRoom, type DiskRoom } from '../store/disk-room.ts';
import { createFolderSizes } from '../store/folder-sizes.ts';
import type { RevisionLogs } from '../store/revision-logs.ts';
import type { Store } from '../store/store.ts';

/** Folders with many entries are walked this often: what is left in them costs room, and nothing else. */
const LEFTOVERS_EVERY_MS = 3_600_000;

/** The sweep with all its looks, and the reconciler of those that ask GitLab. */
export function composeSweep(
  config: Config,
  parts: {
    readonly store: Store;
    readonly gitlab: GitLab;
    readonly runtime: Runtime;
    readonly bundles: BundleStore;
    readonly commitTrees: CommitTrees;
    readonly logs: RevisionLogs;
    readonly log: Log;
    readonly now: () => number;
    readonly onRepair: ((kind: Repair) => void) | undefined;
    /** What a process may still write to the file system of this folder; bytes. */
    readonly freeBytes: (directory: string) => Promise<number>;
  },
): { readonly sweep: Sweep; readonly projects: Reconciler; readonly room: DiskRoom } {
  const everyMs = config.sweepEveryMs;
  const turns = createTurns();
  const context = { ...parts, turns, everyMs, tell: createRepairs(parts) };
  const disk = diskLook({
    ...context,
    sizes: createFolderSizes(parts.now),
    maxBytes: config.maxDiskBytes,
    measured: (bytes) => room.measured(bytes),
  });
  const room = createDiskRoom({
    directory: config.dataDir,
    maxBytes: config.maxDiskBytes,
    freeBytes: parts.freeBytes,
    makeRoom: (bytes) => disk.makeRoom(bytes),
  });
  const looks = [
    instancesLook(context),
    bundlesLook(context),
    dataLook(context, LEFTOVERS_EVERY_MS),
    leftoversLook(context, LEFTOVERS_EVERY_MS),
    historyLook({ ...context, keepMs: config.keepHistoryMs }, LEFTOVERS_EVERY_MS),
    disk,
  ];
  return {
    room,
    sweep: createSweep({ ...context, looks }),
    projects: projectReconciler({
      ...context,
      previewUrl: (name) => previewUrl(name, config),
      previewOf: (url) => previewOfUrl(url, config),
    }),
  };
}
