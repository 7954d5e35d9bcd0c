import { spelledInKeys } from '../../deployment/asset-key.ts';
import { cutTextMasker, maskText } from '../../deployment/mask.ts';
import type { ReadLocation } from './read-location.ts';

/** Nothing that a project writes; a short secret may stand in a fingerprint by chance. */
const OWN_KEYS = new Set(['status', 'source', 'locks']);
/** Tables of an asset, under names that the project gave. All other names are the snapshot's own: a value may be such a word by chance. */
const TABLES = new Set(['metadata', 'tags']);

/** What the probe has cut, with the mark of it (`LONGEST` and `short` in changes/probe/dagster_texts.py). */
const CUT = /^(.{400})((?:… [0-9a-f]+)?)$/su;

/** Takes secrets out of a snapshot: metadata may hold what a resource was made with. */
export function maskSnapshot(read: ReadLocation, secrets: readonly string[]): ReadLocation {
  if (secrets.length === 0) return read;
  const texts: string[] = [];
  visit(read, (text) => {
    texts.push(text.replaceAll('\0', '\uFFFD'));
    return text;
  });
  // All of them at once: a search for many values takes time to prepare.
  const values = spelledInKeys(secrets);
  const masked = maskText(texts.join('\0'), values).split('\0');
  const maskCut = cutTextMasker(values);
  let at = 0;
  return visit(read, (text) => {
    const one = masked[at++] ?? '';
    const [, beginning, mark] = CUT.exec(text) ?? [];
    return beginning === undefined ? one : `${maskCut(beginning)}${mark}`;
  }) as ReadLocation;
}

/** A copy with each text replaced, names in tables too, in an order that is always the same. */
function visit(value: unknown, replace: (text: string) => string, isTable = false): unknown {
  if (typeof value === 'string') return replace(value);
  if (Array.isArray(value)) return value.map((one) => visit(one, replace));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => {
      if (isTable) return [replace(key), visit(inner, replace)];
      return [key, OWN_KEYS.has(key) ? inner : visit(inner, replace, TABLES.has(key))];
    }),
  );
}
