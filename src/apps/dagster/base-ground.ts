import { dirname, join, relative, resolve } from 'node:path';
import type { DagsterSpec } from '../../deployment/app-spec.ts';
import type { Place } from '../../deployment/launch.ts';
import { persistedFolders } from '../persisted-folders.ts';
import type { Reading } from '../preset.ts';
import { dagsterHome } from './instance-files.ts';
import { replaceShipped } from './keep-apart.ts';
import { quote } from './quote.ts';

/**
 * Where a base is read: as its branch, but for the data folder, in which `DAGSTER_HOME` lies too. Its own is as a new deployment's at first,
 * and goes with its tree: the branch runs on the other one, which nothing that is read for a comparison may change. No project has files
 * below `.git`.
 */
export const placeOfBase = (place: Place, tree: string): Place => ({ ...place, data: join(tree, '.git', 'data') });

/** For `sh`, before a step of the base's: what must be there, and what must not: as in the branch's tree, a `.env` would undo the isolation. */
export function groundOfBase(
  spec: DagsterSpec,
  { place, base }: { readonly place: Place; readonly base: NonNullable<Reading<DagsterSpec>['base']> },
): string {
  const { tree } = base;
  const own = placeOfBase(place, tree);
  const home = dagsterHome(own);
  const folders = new Set([base.spec.directory, ...base.spec.locations.map((one) => one.directory)]);
  const dotenvs = [...folders].map((folder) => quote(resolve(tree, folder, '.env')));
  return [
    `mkdir -p -- ${quote(home)} && echo 'telemetry: { enabled: false }' > ${quote(home)}/dagster.yaml || exit`,
    `rm -f -- ${dotenvs.join(' ')}`,
    replaceShipped(tree, join(home, 'dagster.yaml')),
    ...persistedFolders(spec, { ...own, tree }).map(({ path, kept }) => persistInBase(tree, path, kept)),
  ].join('\n');
}

/**
 * A folder that the branch persists lies in the base's data, too, as the first push of a deployment has it: the files in it are data on both
 * sides then, and not what assets are made of. One that a link leads to, that is a file, or that `prepare` has put in the link's place stays
 * as it is. Says nothing: what a reading prints is what was read.
 */
function persistInBase(tree: string, path: string, kept: string): string {
  const [at, parent, to] = [path, dirname(path), kept].map(quote);
  const below = quote(join('/', relative(tree, dirname(path))).replace(/\/$/, ''));
  return [
    `if [ ! -L ${at} ] && [ ! -e ${to} ] && { [ -d ${at} ] || [ ! -e ${at} ]; } && mkdir -p -- ${parent} 2>/dev/null &&`,
    `  [ "$(cd -P -- ${parent} && pwd)" = "$(cd -P -- ${quote(tree)} && pwd)"${below} ]; then`,
    `  mkdir -p -- ${quote(dirname(kept))} ${at} && mv -- ${at} ${to} && ln -s -- ${to} ${at} || exit`,
    'fi',
  ].join('\n');
}
