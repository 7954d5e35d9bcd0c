import type { z } from '@hono/zod-openapi';
import type { AssetChange } from '../../deployment/changes.ts';
import type { DeploymentRow, RevisionRow } from '../../store/schema.ts';
import type { Store } from '../../store/store.ts';
import type { ChangesBody } from './schemas/changes.ts';

type Body = z.input<typeof ChangesBody>;

const NOTHING = {
  assets: [],
  downstream: [],
  definitions: [],
  unknown_locations: [],
  lock_files: [],
  missing_base_files: null,
  target: null,
};

/** What the revision that gets the traffic changes; where none does, the latest one. */
export function presentChanges(store: Store, deployment: DeploymentRow): Body {
  const revision =
    (deployment.liveRevisionId === null ? undefined : store.revisions.get(deployment.liveRevisionId)) ??
    store.revisions.latest(deployment.id);
  const of = { revision: revision?.number ?? null, commit: revision?.commit.sha ?? null };
  const decided = revision && store.changes.of(revision.id);
  if (!decided) return { ...undecided(store, deployment, revision), ...of, base: null, ...NOTHING };
  const base = decided.baseSha === null ? null : { sha: decided.baseSha, web_url: decided.baseUrl ?? '' };
  const { missingFiles } = decided;
  const missing = {
    missing_base_files: missingFiles && { paths: [...missingFiles.paths], reason: missingFiles.reason },
  };
  if (decided.compared === null)
    return { state: 'unknown', reason: decided.unknown, ...of, base, ...NOTHING, ...missing };
  const { changes, unknownLocations, lockFiles, target } = decided.compared;
  return {
    ...{ state: 'known', reason: null, ...of, base },
    assets: changes.assets.map(presentAsset),
    downstream: changes.downstream.map(({ location, key, path }) => ({ location, key, path: [...path] })),
    definitions: [...changes.named],
    unknown_locations: [...unknownLocations],
    lock_files: [...lockFiles],
    ...missing,
    target: target ? { sha: target.sha, web_url: target.url, assets: [...target.keys] } : null,
  };
}

function undecided(
  store: Store,
  deployment: DeploymentRow,
  revision: RevisionRow | undefined,
): Pick<Body, 'state' | 'reason'> {
  const unknown = (reason: string) => ({ state: 'unknown' as const, reason });
  if (revision === undefined) return unknown('Nothing has been deployed yet.');
  if (revision.spec.preset !== 'dagster')
    return unknown(`An app of the preset ${revision.spec.preset} has no definitions to compare.`);
  const isComing = revision.state === 'queued' || revision.state === 'starting' || revision.state === 'held';
  if (isComing || store.work.find(`deployment:${deployment.id}`, 'changes')) return { state: 'pending', reason: null };
  return unknown(
    revision.state === 'healthy'
      ? 'It was deployed before this service compared revisions, or too long ago: the next one is compared.'
      : 'It was never healthy: only a revision that runs is compared.',
  );
}

function presentAsset(asset: AssetChange): Body['assets'][number] {
  const { location, key, reasons, details, also, movedFrom, movedTo, sinceMove } = asset;
  return {
    ...{ location, key, reasons: [...reasons], also: [...also] },
    details: {
      code_version: details.codeVersion ?? null,
      dependencies: copyKeys(details.dependencies),
      partitions: details.partitions ?? null,
      tags: copyKeys(details.tags),
      metadata: copyKeys(details.metadata),
    },
    moved_from: movedFrom ?? null,
    moved_to: movedTo ?? null,
    since_move: sinceMove ? [...sinceMove] : null,
  };
}

function copyKeys(difference: AssetChange['details']['tags']) {
  if (!difference) return null;
  const { added, changed, removed } = difference;
  return { added: [...added], changed: [...changed], removed: [...removed] };
}
