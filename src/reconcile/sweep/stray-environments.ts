import type { EnvironmentFacts } from '../../deployment/gitlab-facts.ts';
import { messageOf } from '../../errors.ts';
import type { ProjectContext } from './project.ts';

/** Looked at in one period: GitLab's rate limits come first, and the rest has its turn by chance. */
const AT_ONCE = 20;

/**
 * Stops environments that no deployment names and whose link is one of our preview hosts, as after a lost database: only once their merge
 * request, read by itself, is merged or closed. Whatever else a project has under these names is not ours.
 */
export async function stopStrays(
  context: ProjectContext,
  projectId: number,
  environments: readonly EnvironmentFacts[],
): Promise<void> {
  const { gitlab } = context;
  const strays = environments.flatMap((environment) => {
    const iid = environment.externalUrl === null ? undefined : context.previewOf(environment.externalUrl)?.iid;
    return iid === undefined ? [] : [{ environment, iid }];
  });
  if (strays.length === 0) return;
  const listed = await gitlab.mergeRequestsOf(projectId, [...new Set(strays.map(({ iid }) => iid))]);
  const ended = new Set(listed.filter(({ state }) => hasEnded(state)).map(({ iid }) => iid));
  // By chance: one that cannot be stopped must not keep the others from their turn.
  const chosen = strays.filter(({ iid }) => ended.has(iid)).sort(() => Math.random() - 0.5);
  for (const { environment, iid } of chosen.slice(0, AT_ONCE)) {
    try {
      const mergeRequest = await gitlab.mergeRequest(projectId, iid);
      if (!mergeRequest || !hasEnded(mergeRequest.state)) continue;
      await gitlab.stopEnvironment(projectId, environment.id);
      const message = `The environment ${environment.name} led to a preview, and no deployment has it; !${iid} is ${mergeRequest.state}: stopped.`;
      context.tell('environment', message, { projectId });
    } catch (error) {
      context.log.error(
        { project: projectId, environment: environment.name, error: messageOf(error) },
        'an environment that nobody wants could not be stopped',
      );
    }
  }
}

function hasEnded(state: string): boolean {
  return state === 'merged' || state === 'closed';
}
