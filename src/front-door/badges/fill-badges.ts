import type { BadgeReason, Badges } from '../../deployment/badges.ts';
import { type BadgeField, findFields } from './find-fields.ts';

/**
 * Dagster's UI with badges: fills the lists `changedReasons` of a GraphQL answer, which open-source Dagster leaves empty
 * (dagster_graphql `resolve_changedReasons`), and marks `versionKey`. The UI keeps assets in the browser by the version of their location and
 * asks for that version every five seconds; so badges that are found when a page is open already are shown there too.
 *
 * @returns the answer with badges; undefined where there is nothing to fill in, or the bytes are not JSON
 */
export function fillBadges(answer: Buffer, badges: Badges): Buffer | undefined {
  // Most answers have neither.
  if (!answer.includes('"changedReasons"') && !answer.includes('"versionKey"')) return undefined;
  let fields: readonly BadgeField[];
  try {
    fields = findFields(answer);
  } catch {
    return undefined;
  }
  const parts: Buffer[] = [];
  let copied = 0;
  for (const field of fields) {
    if (field.kind === 'version') {
      parts.push(answer.subarray(copied, field.end - 1), Buffer.from(`.${badges.stamp}`));
      copied = field.end - 1;
    } else {
      const reasons = reasonsFor(field, badges);
      if (reasons.length === 0) continue;
      parts.push(answer.subarray(copied, field.start), Buffer.from(JSON.stringify(reasons)));
      copied = field.end;
    }
  }
  return copied === 0 ? undefined : Buffer.concat([...parts, answer.subarray(copied)]);
}

/**
 * An asset's id is `r.<location>.<repository>.<key>` where it was asked of a location, `w.<key>` where it was asked of all of them
 * (`GrapheneAssetNode`). Of all of them, and without an id, those count that mark it.
 */
function reasonsFor(
  { id, key }: Extract<BadgeField, { kind: 'reasons' }>,
  { byLocation, keptAs }: Badges,
): readonly BadgeReason[] {
  const own = key ?? (id?.startsWith('w.') ? id.slice(2) : undefined);
  if (own === undefined) return [];
  const name = keptAs?.(own) ?? own;
  if (id?.startsWith('r.')) return byLocation.get(locationOf(id, own))?.get(name) ?? [];
  return [...new Set([...byLocation.values()].flatMap((assets) => assets.get(name) ?? []))];
}

/** A location's name may have dots, and begin as another one's; a repository's has letters, digits and underscores only (`check_valid_name`). */
function locationOf(id: string, key: string): string {
  const repository = id.endsWith(`.${key}`) ? id.slice(0, -key.length - 1) : id;
  return repository.slice('r.'.length, repository.lastIndexOf('.'));
}
