import { resolveInTree } from '../tree-files.ts';

/** What is wrong with one path of a list; the path is named by its index. */
export interface PathFault {
  readonly index: number;
  readonly message: string;
}

/**
 * What is wrong with a list of paths below the app file's folder, as far as they alone tell: one that leaves the folder, is the folder
 * itself or git's, or overlaps one before it.
 *
 * @param told.ask what to name instead: "Name …"; `itself`: what is wrong with the folder itself; `more`: what else may be wrong with a path
 */
export function pathFaults(
  paths: readonly string[],
  told: { readonly ask: string; readonly itself: string; readonly more?: (resolved: string) => string | undefined },
): PathFault[] {
  const seen: string[] = [];
  return paths.flatMap((path, index) => {
    const resolved = resolveInTree('.', path);
    const message = faultOf(resolved, seen, told);
    if (resolved !== undefined) seen.push(resolved);
    return message === undefined ? [] : [{ index, message: `"${path}" ${message}` }];
  });
}

function faultOf(
  resolved: string | undefined,
  others: readonly string[],
  { ask, itself, more }: Parameters<typeof pathFaults>[1],
): string | undefined {
  if (resolved === undefined) return `leaves this file's folder. Name ${ask} below it`;
  if (resolved === '.') return `is this file's folder itself: ${itself}. Name ${ask} below it`;
  if (resolved.split('/').some((part) => part.toLowerCase() === '.git'))
    return `is of git. Name another ${ask.replace(/^an? /, '')}`;
  const other = others.find((one) => overlap(one, resolved));
  return (
    more?.(resolved) ??
    (other === undefined ? undefined : `lies within "${other}", or the other way round. Name the outer one only`)
  );
}

/** Whether two paths of one tree are the same, or one lies within the other. */
export function overlap(a: string, b: string): boolean {
  return a === b || isWithin(a, b) || isWithin(b, a);
}

/** Whether a path lies below another one of the same tree. */
export function isWithin(path: string, folder: string): boolean {
  return folder === '.' ? path !== '.' : path.startsWith(`${folder}/`);
}
