/**
 * An asset's key as one text that no other key has: its parts joined with `/`; a slash or backslash within a part has a backslash before it,
 * as in Dagster's `AssetKey.to_escaped_user_string`. Nearly all keys read as Dagster shows them: `raw/orders`.
 */
export function assetKeyOf(parts: readonly string[]): string {
  return parts.map(escapePart).join('/');
}

/** Values as they may stand in a text that has keys in it. */
export function spelledInKeys(values: readonly string[]): string[] {
  return [...new Set(values.flatMap((value) => [value, escapePart(value)]))];
}

function escapePart(part: string): string {
  return /[\\/]/.test(part) ? part.replaceAll(/[\\/]/g, '\\$&') : part;
}

/** The parts of a key's text. */
export function partsOfKey(key: string): string[] {
  const parts: string[] = [];
  let part = '';
  for (let at = 0; at < key.length; at += 1) {
    const isEscaped = key[at] === '\\' && at + 1 < key.length;
    if (isEscaped) at += 1;
    if (key[at] === '/' && !isEscaped) {
      parts.push(part);
      part = '';
    } else part += key[at];
  }
  return [...parts, part];
}
