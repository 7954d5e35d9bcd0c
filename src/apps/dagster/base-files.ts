import { dirname, join, resolve } from 'node:path';
import type { DagsterSpec } from '../../deployment/app-spec.ts';
import type { Place, Step } from '../../deployment/launch.ts';
import type { LaunchContext } from '../preset.ts';
import { quote } from './quote.ts';

/** Where files of the prepared base lie for the next revision. */
const baseFolder = (place: Place): string => join(place.data, 'base');

/** The context with `BRANCH_DEPLOYMENT_BASE_DIR`, where the app file asks for files of the base (`base_artifacts`). */
export function withBaseFolder(spec: DagsterSpec, context: LaunchContext, place: Place): LaunchContext {
  if (!spec.changes?.baseArtifacts?.length) return context;
  return { ...context, env: { ...context.env, BRANCH_DEPLOYMENT_BASE_DIR: baseFolder(place) } };
}

/**
 * Copies the files that the app file asks for out of the base's tree: all of them or none, so that nobody finds those of two commits. One
 * that the base has not is left out.
 */
export function baseFilesStep(spec: DagsterSpec, place: Place, tree: string): Step | undefined {
  const paths = spec.changes?.baseArtifacts ?? [];
  if (paths.length === 0) return undefined;
  const folder = baseFolder(place);
  const part = `${folder}.part`;
  const copies = paths.map((path) => {
    const [from, to] = [resolve(tree, spec.directory, path), join(part, path)];
    return `if [ -e ${quote(from)} ]; then mkdir -p -- ${quote(dirname(to))} && cp -R -- ${quote(from)} ${quote(to)} || exit; fi`;
  });
  return {
    name: 'files of the base for the next revision',
    directory: tree,
    command: [
      'umask 077',
      `rm -rf -- ${quote(part)} && mkdir -p -- ${quote(part)} || exit`,
      ...copies,
      `rm -rf -- ${quote(folder)} && mv -- ${quote(part)} ${quote(folder)}`,
    ].join('\n'),
    env: {},
  };
}
