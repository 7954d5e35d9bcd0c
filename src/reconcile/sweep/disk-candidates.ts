import type { StoredFolder } from '../../runtimes/runtime.ts';
import type { DiskContext } from './disk.ts';

/** Something that may be removed to make room, and the bytes that this gives. */
export type Candidate = { readonly bytes: number } & (
  | { readonly kind: 'bundle'; readonly digest: string }
  | { readonly kind: 'folder'; readonly folder: StoredFolder }
  | { readonly kind: 'log'; readonly revisionId: number }
);

/**
 * What nothing that runs needs, in the order in which it goes: bundles of stopped deployments, those that were stopped first first; spare
 * copies and kept setups by their last use; logs of revisions that were replaced, oldest first.
 */
export async function* candidatesOf(context: DiskContext): AsyncGenerator<Candidate> {
  yield* stoppedBundles(context);
  yield* unusedFolders(context);
  yield* oldLogs(context);
}

async function* stoppedBundles({ store, bundles }: DiskContext): AsyncGenerator<Candidate> {
  const stopped: Array<{ digest: string; at: number }> = [];
  for (const digest of await bundles.list()) {
    const users = store.revisions.deploymentsOfBundle(digest);
    // One that no revision has is either on its way in, or found by another look.
    if (users.length === 0 || users.some(({ phase }) => phase !== 'stopped')) continue;
    stopped.push({ digest, at: Math.max(...users.map(({ stoppedAt }) => stoppedAt ?? 0)) });
  }
  for (const { digest } of stopped.sort((a, b) => a.at - b.at)) {
    const bytes = await bundles.sizeOf(digest);
    if (bytes !== undefined) yield { kind: 'bundle', digest, bytes };
  }
}

async function* unusedFolders({ runtime, sizes }: DiskContext): AsyncGenerator<Candidate> {
  const stored = ((await runtime.storedFolders?.()) ?? []).filter(({ removable }) => removable);
  const order = (folder: StoredFolder) => (folder.kind === 'spare' ? 0 : 1);
  for (const folder of stored.sort((a, b) => order(a) - order(b) || a.usedAt - b.usedAt))
    yield { kind: 'folder', folder, bytes: sizes.known(folder.path) };
}

async function* oldLogs({ store, logs, now }: DiskContext): AsyncGenerator<Candidate> {
  const ids = (await logs.list()).sort((a, b) => a - b);
  for (let from = 0; from < ids.length; from += 500)
    for (const revisionId of store.history.outdated(ids.slice(from, from + 500), now()).sort((a, b) => a - b))
      yield { kind: 'log', revisionId, bytes: logs.size(revisionId) };
}
