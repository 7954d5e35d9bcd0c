import type { AppSpec, CommandSpec } from '../../src/deployment/app-spec.ts';
import type { DeploymentRow } from '../../src/store/schema.ts';
import type { Store } from '../../src/store/store.ts';
import { wantRevision } from '../../src/store/want.ts';

export const commit = {
  sha: 'a'.repeat(40),
  title: 'Change',
  message: 'Change',
  authorName: 'Dee',
  authorEmail: 'dee@example.com',
  timestamp: 1,
  parentShas: [],
  webUrl: 'https://gitlab.example.com/c/a',
};
export const spec: CommandSpec = {
  preset: 'command',
  directory: '.',
  env: {},
  dotenv: {},
  timeoutMs: 1,
  remarks: [],
  setupInputs: [],
  setupOutputs: [],
  start: 'x',
  health: '/',
};

/** A deployment of !<iid> with one queued revision. */
export function addDeployment(
  store: Store,
  iid: number,
  options: { readonly projectId?: number; readonly sha?: string; readonly spec?: AppSpec } = {},
): DeploymentRow {
  const { projectId = 42, sha = commit.sha } = options;
  const projectUrl = 'https://gitlab.example.com/data/shop';
  const mergeRequest = store.mergeRequests.record(
    {
      projectId,
      projectPath: 'data/shop',
      projectUrl,
      iid,
      state: 'opened',
      title: 'Change',
      draft: false,
      webUrl: `${projectUrl}/-/merge_requests/${iid}`,
      sourceProjectId: projectId,
      sourceBranch: `change-${iid}`,
      targetBranch: 'main',
      headSha: sha,
      author: { id: 1, username: 'dee', name: 'Dee' },
    },
    0,
  );
  const row = store.deployments.create({
    projectId,
    app: '',
    ref: `mr-${iid}`,
    name: `mr-${iid}-shop`,
    slug: `mr_${iid}_shop`,
    mergeRequestId: mergeRequest.id,
    environmentName: `review/mr-${iid}`,
    wanted: 'running',
    phase: 'queued',
    wantedAt: 0,
    pipelineId: 1,
    createdAt: 0,
  });
  wantRevision(store, row, {
    commit: { ...commit, sha },
    pushedBy: 'Dee',
    bundle: `b${iid}`,
    spec: options.spec ?? spec,
    sealedVariables: null,
    now: iid,
    why: 'test',
  });
  return row;
}
