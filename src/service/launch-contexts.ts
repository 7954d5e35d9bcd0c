import { appEnvironment } from '../apps/environment.ts';
import type { LaunchContext } from '../apps/preset.ts';
import type { DeploymentRow, RevisionRow } from '../store/schema.ts';
import type { Store } from '../store/store.ts';

/** Facts that decide what an instance is given, from the rows as they are when it is asked for; handed-over variables are added by who opens them. */
export function launchContexts(
  store: Store,
  { previewUrl }: { previewUrl(name: string): string },
): (deployment: DeploymentRow, revision: RevisionRow) => LaunchContext {
  return (deployment, revision) => {
    const mergeRequest = store.mergeRequests.get(deployment.mergeRequestId);
    const env = appEnvironment({
      url: previewUrl(deployment.name),
      name: deployment.name,
      app: deployment.app,
      slug: deployment.slug,
      commit: revision.commit,
      branch: mergeRequest?.sourceBranch ?? '',
      projectPath: mergeRequest?.projectPath ?? '',
      projectUrl: mergeRequest?.projectUrl ?? '',
      iid: mergeRequest?.iid ?? 0,
      status: 'OPEN',
    });
    return { projectId: deployment.projectId, app: deployment.app, env };
  };
}
