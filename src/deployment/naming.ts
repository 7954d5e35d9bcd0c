/**
 * Outer names. All but the random part of a deployment's name are functions of what they name, so that a repeated step finds
 * what the last try left.
 */

const MAX_LABEL = 63; // RFC 1035 §2.3.4: octets of a DNS label
const RANDOM_LENGTH = 8;
/** No vowels and no look-alikes: no words by accident, nothing to misread. 27 letters: 8 of them are 38 bits. */
const ALPHABET = 'bcdfghjkmnpqrstvwxz23456789';

/** Text as a part of a DNS label: lower case, `-` for the rest, no `-` at either end. Empty where nothing is left. */
export function slugify(text: string): string {
  return text
    .normalize('NFKD')
    .replace(/\p{M}+/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '');
}

/**
 * The random part of a name, which makes a preview's host unguessable.
 * @param bytes at least 16 random bytes
 */
export function randomPart(bytes: Uint8Array): string {
  let part = '';
  for (const byte of bytes) {
    if (part.length === RANDOM_LENGTH) break;
    // Bytes past the last whole multiple would favour the first letters.
    if (byte < ALPHABET.length * Math.floor(256 / ALPHABET.length)) part += ALPHABET[byte % ALPHABET.length];
  }
  return part.padEnd(RANDOM_LENGTH, 'z');
}

/** Name of a deployment: `mr-<iid>-<app or project slug>-<random>`, one DNS label, fixed for life (README, "In GitLab"). */
export function deploymentName(iid: number, appOrProject: string, random: string): string {
  const head = `mr-${iid}-`;
  const slug = slugify(appOrProject)
    .slice(0, MAX_LABEL - head.length - random.length - 1 - INSTANCE_SUFFIX)
    .replace(/-+$/, '');
  return slug === '' ? `${head}${random}` : `${head}${slug}-${random}`;
}

/** Room for `-r<number>` of instance names, which are DNS labels too. */
const INSTANCE_SUFFIX = 8;

/** `[a-z][a-z0-9_]{0,39}`, unique as the name is: for schema and database names. */
export function deploymentSlug(name: string): string {
  const random = name.slice(-RANDOM_LENGTH);
  const head = name.slice(0, -RANDOM_LENGTH - 1).replaceAll('-', '_');
  return `${head.slice(0, 40 - RANDOM_LENGTH - 1).replace(/_+$/, '')}_${random}`;
}

/** Name of the instance of one revision. */
export function instanceName(deployment: string, revision: number): string {
  return `${deployment}-r${revision}`;
}

/** The URL of a preview: scheme and port are the public URL's. */
export function previewUrl(name: string, options: { readonly publicUrl: URL; readonly previewDomain: string }): string {
  const port = options.publicUrl.port === '' ? '' : `:${options.publicUrl.port}`;
  return `${options.publicUrl.protocol}//${name}.${options.previewDomain}${port}`;
}

/**
 * The preview that a URL leads to, whatever its path: what `previewUrl` made, read back. Undefined where it is none.
 * `iid` is the merge request's number, where the name has one.
 */
export function previewOfUrl(
  url: string,
  options: { readonly publicUrl: URL; readonly previewDomain: string },
): { readonly name: string; readonly iid: number | undefined } | undefined {
  if (!URL.canParse(url)) return undefined;
  const { hostname, protocol, port } = new URL(url);
  const end = `.${options.previewDomain}`;
  if (protocol !== options.publicUrl.protocol || port !== options.publicUrl.port || !hostname.endsWith(end))
    return undefined;
  const name = hostname.slice(0, -end.length);
  if (!/^[a-z0-9-]+$/.test(name) || hostname === options.publicUrl.hostname) return undefined;
  const iid = /^mr-(\d{1,10})-/.exec(name)?.[1];
  return { name, iid: iid === undefined ? undefined : Number(iid) };
}

/** Whether `BD_ALLOWED_PROJECTS` covers a project: by id, path, `group/*` (direct children) or `group/**` (any depth). */
export function isAllowedProject(
  patterns: readonly string[],
  project: { readonly id: number; readonly path: string },
): boolean {
  const path = project.path.toLowerCase();
  return patterns.some((pattern) => {
    const wanted = pattern.toLowerCase();
    if (/^\d+$/.test(wanted)) return Number(wanted) === project.id;
    if (wanted.endsWith('/**')) return path.startsWith(wanted.slice(0, -2));
    if (!wanted.endsWith('/*')) return path === wanted;
    return path.startsWith(wanted.slice(0, -1)) && !path.slice(wanted.length - 1).includes('/');
  });
}
