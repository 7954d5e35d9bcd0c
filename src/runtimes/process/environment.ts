import type { InstanceFolders } from './folders.ts';
import type { Ground } from './ground.ts';

/** Names the instance in the environment of each of its processes, so that strays are found. */
export const MARKER = 'BRANCH_DEPLOYMENT_INSTANCE';

/** What an instance's environment is made of. */
export interface Surroundings {
  readonly name: string;
  readonly folders: InstanceFolders;
  /** The first of the instance's ports, where it has them already. */
  readonly port: number | null;
}

/** The environment of a tool that works on an instance's files: enough to be found as the instance's after a kill of the service. */
export function markingEnvironment(
  ground: Pick<Ground, 'passEnv' | 'host'>,
  surroundings: Pick<Surroundings, 'name' | 'folders'>,
): Record<string, string> {
  const passEnv = { PATH: ground.passEnv.PATH ?? '/usr/bin:/bin' };
  return buildEnvironment({ passEnv, host: ground.host }, { ...surroundings, port: null });
}

/** The whole environment of a child, built from nothing: what is passed on, what the plan says, and what the runtime decides. */
export function buildEnvironment(
  ground: Pick<Ground, 'passEnv' | 'host'>,
  surroundings: Surroundings,
  options: { planned?: Readonly<Record<string, string>> } = {},
): Record<string, string> {
  return {
    ...ground.passEnv,
    ...options.planned,
    HOME: surroundings.folders.home,
    TMPDIR: surroundings.folders.temporary,
    ...(surroundings.port === null ? {} : { HOST: ground.host, PORT: String(surroundings.port) }),
    [MARKER]: surroundings.name,
  };
}
