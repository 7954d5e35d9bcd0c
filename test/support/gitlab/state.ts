/**
 * The stand-in's memory: plain records, as GitLab's REST API would show them after serialisation.
 * Ids are numbers, times are ISO 8601 strings.
 */

export interface User {
  id: number;
  username: string;
  name: string;
  /** Personal access tokens of this user; one that does not begin with `glpat-` is an OAuth token. */
  tokens: string[];
  /** Scopes of those tokens that have less than `api`. */
  scopes: Record<string, readonly string[]>;
}

export interface Project {
  id: number;
  path: string;
  name: string;
  defaultBranch: string;
  /** Bare git repository on disk. */
  repository: string;
  /** Access level by user id: 20 Reporter, 30 Developer, 40 Maintainer. */
  members: Map<number, number>;
  /** CI/CD variables. */
  variables: Array<{
    key: string;
    value: string;
    type: 'env_var' | 'file';
    environmentScope: string;
    protected: boolean;
    masked: boolean;
  }>;
  mergedResults: boolean;
  forkedFrom: number | null;
  hooks: Hook[];
  visibility: 'private' | 'public';
  createdAt: string;
}

export interface Hook {
  id: number;
  url: string;
  /** X-Gitlab-Token. */
  token: string | null;
  /** `whsec_…`, Standard Webhooks. */
  signingToken: string | null;
  consecutiveFailures: number;
  disabledUntil: string | null;
  /** Names as in `X-Gitlab-Event`; null for all. */
  events: readonly string[] | null;
}

export interface MergeRequest {
  id: number;
  iid: number;
  projectId: number;
  sourceProjectId: number | null;
  sourceBranch: string;
  targetBranch: string;
  title: string;
  description: string;
  draft: boolean;
  state: 'opened' | 'closed' | 'merged';
  sha: string;
  authorId: number;
  notes: Note[];
  labels: string[];
  /** Awards on the merge request itself. */
  emojis: Emoji[];
  approvedBy: number[];
  createdAt: string;
  updatedAt: string;
  mergedAt: string | null;
  closedAt: string | null;
  mergeCommitSha: string | null;
  /** Its closes, reopens and merge, oldest first; that it was opened is none of them. */
  stateEvents: StateEvent[];
}

/** doc/api/resource_state_events.md */
export interface StateEvent {
  id: number;
  state: 'closed' | 'reopened' | 'merged';
  userId: number;
  createdAt: string;
}

export interface Note {
  id: number;
  body: string;
  authorId: number;
  system: boolean;
  createdAt: string;
  updatedAt: string;
  /** How often it was edited: the service must not write an unchanged note. */
  edits: number;
  emojis: Emoji[];
}

export interface Emoji {
  id: number;
  name: string;
  userId: number;
}

export type JobStatus = 'created' | 'manual' | 'pending' | 'running' | 'success' | 'failed' | 'canceled' | 'skipped';

export interface Pipeline {
  id: number;
  iid: number;
  projectId: number;
  sha: string;
  /** `refs/merge-requests/<iid>/head`, `…/merge`, or a branch name. */
  ref: string;
  source: string;
  status: JobStatus;
  userId: number;
  /** Set where the pipeline belongs to a merge request. */
  mergeRequestIid: number | null;
  /** `id` of that merge request: a pipeline may run in a fork, whose own `!1` is another one. */
  mergeRequestId?: number;
  /** Head of the source branch, where `sha` is a merged result. */
  sourceSha?: string;
  createdAt: string;
  updatedAt?: string;
  jobs: Job[];
}

export interface Job {
  /** How long it waited for a runner; 0 unless told. */
  queuedSeconds?: number;
  id: number;
  pipelineId: number;
  projectId: number;
  name: string;
  stage: string;
  status: JobStatus;
  when: string;
  allowFailure: boolean;
  exitCode: number | null;
  /** What the job printed. */
  trace: string;
  environmentName: string | null;
  environmentAction: 'start' | 'stop' | 'prepare' | 'verify' | 'access' | null;
  /** Who started it: of a manual job the person who played it. */
  userId?: number;
  startedAt?: string;
  finishedAt?: string;
  /** `tier` of its environment. */
  deploymentTier?: string;
}

export interface Environment {
  id: number;
  projectId: number;
  name: string;
  slug: string;
  state: 'available' | 'stopping' | 'stopped';
  tier: string;
  externalUrl: string | null;
  /** Name of the stop job, and the pipeline that it is in. */
  onStop: { pipelineId: number; job: string } | null;
  createdAt: string;
  updatedAt: string;
}

export interface Deployment {
  id: number;
  iid: number;
  projectId: number;
  environmentId: number;
  ref: string;
  sha: string;
  status: 'created' | 'running' | 'success' | 'failed' | 'canceled';
  /** Null for deployments that were made by the API. */
  jobId: number | null;
  createdAt: string;
  updatedAt: string;
  userId: number;
}

export interface State {
  users: User[];
  projects: Project[];
  /** Members of groups, inherited by all projects below the path. */
  groups: Array<{ path: string; members: Map<number, number> }>;
  mergeRequests: MergeRequest[];
  pipelines: Pipeline[];
  environments: Environment[];
  deployments: Deployment[];
  /** One counter for all ids, so that two kinds of thing never share one by chance. */
  nextId: number;
}
