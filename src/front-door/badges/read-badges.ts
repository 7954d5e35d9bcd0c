import { LRUCache } from 'lru-cache';
import { type Badges, badgesOf } from '../../deployment/badges.ts';
import type { ChangeQueries } from '../../store/changes.ts';

/** Revisions whose badges are kept at hand: an open page of Dagster's asks every five seconds. */
const KEPT = 50;

/**
 * Reads the badges of a revision by its id; undefined while its changes are not decided, and where they are not known.
 *
 * @param secretsOf what was handed over for a revision, as far as it can be opened
 */
export function badgesReader(
  changes: ChangeQueries,
  secretsOf: (revisionId: number) => readonly string[],
): (revisionId: number) => Badges | undefined {
  const kept = new LRUCache<number, { readonly decidedAt: number; readonly badges: Badges | undefined }>({ max: KEPT });
  return (revisionId) => {
    const decidedAt = changes.decidedAt(revisionId);
    if (decidedAt === undefined) return undefined;
    const known = kept.get(revisionId);
    if (known?.decidedAt === decidedAt) return known.badges;
    const compared = changes.of(revisionId)?.compared;
    const badges = compared
      ? badgesOf(compared.changes, `${revisionId}-${decidedAt}`, () => secretsOf(revisionId))
      : undefined;
    kept.set(revisionId, { decidedAt, badges });
    return badges;
  };
}
