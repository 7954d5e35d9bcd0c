/** The longest part of a path that is ours is a deployment's name, one DNS label. */
const LONGEST_PART = 63;
/** Prefixes of GitLab's tokens (doc/security/tokens/_index.md) and of webhooks' signing tokens. */
const TOKEN = /^(?:gl[a-z]{2,8}-|whsec_)/i;
const MOST_PARTS = 8;

/** A request's path for logs and answers, without what can only be there by mistake: a token in it would be kept, and repeated. */
export function shownPath(path: string): string {
  const parts = path.split('/');
  const shown = parts.slice(0, MOST_PARTS).map((part) => (part.length > LONGEST_PART || TOKEN.test(part) ? '…' : part));
  return (parts.length > MOST_PARTS ? [...shown, '…'] : shown).join('/');
}
