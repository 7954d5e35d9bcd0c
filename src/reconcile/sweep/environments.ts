import type { EnvironmentFacts } from '../../deployment/gitlab-facts.ts';
import type { DeploymentRow } from '../../store/schema.ts';
import { ofDeployment } from '../reconciler.ts';
import type { ProjectContext } from './project.ts';
import { stopStrays } from './stray-environments.ts';

/** A job's end makes its environment available a moment after the service says healthy, and a stop takes a moment too; ms. */
const SETTLING_MS = 30_000;

/** Compares the project's environments with the deployments that name them, in both directions. */
export async function compareEnvironments(context: ProjectContext, projectId: number): Promise<void> {
  const { store, gitlab } = context;
  const open = store.deployments.openOf(projectId);
  const known = store.deployments.environmentNames(projectId);
  const listed = await gitlab.availableEnvironments(projectId, commonBegin(known));
  const byName = new Map(listed.map((environment) => [environment.name, environment]));
  for (const { id } of open.filter(mayBeLinked)) await checkLinked(context, id, byName);
  const strays = listed.filter((environment) => !knownStopped(context, projectId, environment));
  await stopStrays(context, projectId, strays);
}

/** A running deployment whose environment is not in the list, or leads elsewhere: read by itself, and put right by its reconciler. */
async function checkLinked(
  context: ProjectContext,
  id: number,
  listed: ReadonlyMap<string, EnvironmentFacts>,
): Promise<void> {
  const { store, gitlab } = context;
  const deployment = store.deployments.get(id);
  if (!deployment || !mayBeLinked(deployment) || isMoving(context, deployment)) return;
  const url = context.previewUrl(deployment.name);
  if (listed.get(deployment.environmentName)?.externalUrl === url) return;
  const found = await gitlab.environment(deployment.projectId, deployment.environmentName);
  if (found === null || (found.state !== 'stopped' && found.externalUrl === url)) return;
  const wrong = found.state === 'stopped' ? 'was stopped' : `led to ${found.externalUrl ?? 'nowhere'}`;
  put(context, deployment, `The environment ${found.name} ${wrong}, though ${deployment.name} is running.`);
}

/** Where a push failed, the one before goes on serving. In a fork there are the fork's own lists, and often no rights. */
function mayBeLinked({ wanted, phase, liveRevisionId, environmentProjectId }: DeploymentRow): boolean {
  const serves = liveRevisionId !== null && (phase === 'running' || phase === 'failed');
  return wanted === 'running' && serves && environmentProjectId === null;
}

/** Whether an available environment is a deployment's; that of a stopped one is stopped. */
function knownStopped(context: ProjectContext, projectId: number, environment: EnvironmentFacts): boolean {
  const owners = context.store.deployments.withEnvironment(projectId, environment.name);
  const [last] = owners.toSorted((a, b) => (b.stoppedAt ?? 0) - (a.stoppedAt ?? 0));
  if (last === undefined) return false;
  if (owners.some((owner) => owner.phase !== 'stopped' || isMoving(context, owner))) return true;
  put(
    context,
    last,
    `The environment ${environment.name} was available, though ${last.name} is stopped (${last.stopReason}).`,
  );
  return true;
}

function put(context: ProjectContext, deployment: DeploymentRow, message: string): void {
  context.tell('environment', message, {
    projectId: deployment.projectId,
    mergeRequestId: deployment.mergeRequestId,
    deploymentId: deployment.id,
  });
  context.store.work.mark(ofDeployment(deployment.id), 'environment', context.now());
}

/** Whether it has just changed, or its environment is being looked at anyhow. */
function isMoving({ store, now }: ProjectContext, deployment: DeploymentRow): boolean {
  const live = deployment.liveRevisionId === null ? undefined : store.revisions.get(deployment.liveRevisionId);
  const since = Math.max(deployment.wantedAt, deployment.stoppedAt ?? 0, live?.healthyAt ?? 0);
  return now() - since < SETTLING_MS || store.work.find(ofDeployment(deployment.id), 'environment') !== undefined;
}

/** The text that all names begin with: GitLab's search is by the beginning (app/models/environment.rb, `for_name_like`). */
function commonBegin(names: readonly string[]): string {
  return names.reduce((begin, name) => {
    let length = 0;
    while (length < begin.length && begin[length] === name[length]) length += 1;
    return begin.slice(0, length);
  }, names[0] ?? '');
}
