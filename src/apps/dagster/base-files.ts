import { dirname, join, normalize, resolve } from 'node:path';
import type { DagsterSpec } from '../../deployment/app-spec.ts';
import type { Place, Step } from '../../deployment/launch.ts';
import type { LaunchContext } from '../preset.ts';
import { quote } from './quote.ts';

/** Where files of the prepared base lie for the next revision. */
const baseFolder = (place: Place): string => join(place.data, 'base');

/**
 * The context with `BRANCH_DEPLOYMENT_BASE_DIR`, where the app file asks for files of the base (`base_artifacts`).
 *
 * @param place undefined where the base itself is prepared: empty there, for what a branch builds with these files would be built of the
 *   base as well, over the branch's
 */
export function withBaseFolder(spec: DagsterSpec, context: LaunchContext, place: Place | undefined): LaunchContext {
  if (!spec.changes?.baseArtifacts?.length) return context;
  return { ...context, env: { ...context.env, BRANCH_DEPLOYMENT_BASE_DIR: place ? baseFolder(place) : '' } };
}

/** Takes away what bases have left there, also by halves. */
export const dropBaseFilesStep = (place: Place): Step => ({
  name: 'no files of the base for the next revision',
  directory: place.data,
  command: `rm -rf -- ${['base', 'base.next', 'base.1', 'base.2'].map((name) => quote(join(place.data, name))).join(' ')}`,
  env: {},
});

/**
 * Copies the files that the app file asks for out of the base's tree: all of them or none, so that nobody finds those of two commits. One
 * that the base has not is left out, and its path printed.
 *
 * The folder that revisions are told is a link, to one of two folders in turn: it is moved in one step, so that a kill at any line leaves
 * the files of before or those of now.
 */
export function baseFilesStep(spec: DagsterSpec, place: Place, tree: string): Step | undefined {
  const paths = spec.changes?.baseArtifacts ?? [];
  if (paths.length === 0) return undefined;
  const copies = paths.map((path) => {
    const from = quote(resolve(tree, spec.directory, path));
    const [to, folder] = [path, dirname(path)].map((one) => `"$new"/${quote(normalize(one).replace(/\/$/, ''))}`);
    // What a link leads to goes with the base, and is copied in its place.
    const copy = `mkdir -p -- ${folder} && cp -R -H -- ${from} ${to} || exit`;
    return `if [ -e ${from} ]; then ${copy}; else printf '%s\\n' ${quote(path)}; fi`;
  });
  return {
    name: 'files of the base for the next revision',
    directory: tree,
    command: [
      'umask 077',
      `link=${quote(baseFolder(place))}`,
      'if [ "$(readlink -- "$link")" = base.1 ]; then name=base.2 old=base.1; else name=base.1 old=base.2; fi',
      `new=${quote(place.data)}/$name`,
      'rm -rf -- "$new" && mkdir -p -- "$new" || exit',
      ...copies,
      'rm -f -- "$link.next" && ln -s -- "$name" "$link.next" || exit',
      // A folder of that name is an earlier release's.
      '[ -L "$link" ] || rm -rf -- "$link"',
      // GNU's and busybox' word for "in its place, not into it", and BSD's.
      'mv -T -- "$link.next" "$link" 2>/dev/null || mv -fh -- "$link.next" "$link" || exit',
      `rm -rf -- ${quote(place.data)}/"$old"`,
    ].join('\n'),
    env: {},
  };
}
