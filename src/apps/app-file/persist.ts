import { resolveInTree } from '../tree-files.ts';

/** A kept folder is named by its whole path, in URL encoding; file systems take 255 bytes for a name. */
const MAX_NAME_BYTES = 200;

/** What is wrong with the paths of `persist`, as far as they alone tell; each with its index. */
export function persistFaults(paths: readonly string[]): Array<{ readonly index: number; readonly message: string }> {
  const seen: string[] = [];
  return paths.flatMap((path, index) => {
    const message = faultOf(path, seen);
    const resolved = resolveInTree('.', path);
    if (resolved !== undefined) seen.push(resolved);
    return message === undefined ? [] : [{ index, message: `"${path}" ${message}` }];
  });
}

function faultOf(path: string, others: readonly string[]): string | undefined {
  const resolved = resolveInTree('.', path);
  if (resolved === undefined) return "leaves this file's folder. Name a folder below it";
  if (resolved === '.') return "is this file's folder itself: a push would change nothing. Name a folder below it";
  if (resolved.split('/').some((part) => part.toLowerCase() === '.git')) return 'is of git. Name another folder';
  if (encodeURIComponent(resolved).length > MAX_NAME_BYTES)
    return `is too long: at most ${MAX_NAME_BYTES} bytes, as a URL has them. Name a shorter path`;
  const other = others.find((one) => overlap(one, resolved));
  return other === undefined ? undefined : `lies within "${other}", or the other way round. Name the outer one only`;
}

/** Whether two paths of one tree are the same, or one lies within the other. */
export function overlap(a: string, b: string): boolean {
  return a === b || isWithin(a, b) || isWithin(b, a);
}

/** Whether a path lies below another one of the same tree. */
export function isWithin(path: string, folder: string): boolean {
  return folder === '.' ? path !== '.' : path.startsWith(`${folder}/`);
}
