import { spelledInKeys } from './asset-key.ts';
import type { ChangeReason, Changes } from './changes.ts';
import { MASK, maskText } from './mask.ts';

/** Dagster's own words for why an asset is marked: `enum ChangeReason` of its GraphQL API. REMOVED is of no use: what is gone is not shown. */
export type BadgeReason = Exclude<ChangeReason, 'SOURCE' | 'REMOVED'>;

/** What Dagster's UI is told of a revision's changes. */
export interface Badges {
  /** Letters, digits and dashes; another one for other badges. */
  readonly stamp: string;
  /** Of assets that are new or changed: reasons by location and key. */
  readonly byLocation: ReadonlyMap<string, ReadonlyMap<string, readonly BadgeReason[]>>;
  /** Where keys have secrets in them, which are not kept: an asset's own key as `byLocation` has it. */
  readonly keptAs?: (key: string) => string;
}

/**
 * The badges of these changes. Dagster has no word for an edit of the source: it shows as a changed code version.
 *
 * @param secrets values that stand masked in what is known of the changes; they are asked for where one does
 */
export function badgesOf(changes: Changes, stamp: string, secrets: () => readonly string[] = () => []): Badges {
  const byLocation = new Map<string, Map<string, readonly BadgeReason[]>>();
  for (const { location, key, reasons } of changes.assets) {
    const shown = new Set(reasons.map((reason) => (reason === 'SOURCE' ? 'CODE_VERSION' : reason)));
    const known = [...shown].filter((reason) => reason !== 'REMOVED');
    if (known.length === 0) continue;
    const assets = byLocation.get(location) ?? new Map<string, readonly BadgeReason[]>();
    byLocation.set(location, assets.set(key, known));
  }
  const areMasked = [...byLocation.values()].some((assets) => [...assets.keys()].some((key) => key.includes(MASK)));
  const values = areMasked ? spelledInKeys(secrets()) : [];
  return { stamp, byLocation, ...(values.length > 0 && { keptAs: (key: string) => maskText(key, values) }) };
}
