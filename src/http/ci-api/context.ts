import type { AppSpec } from '../../deployment/app-spec.ts';
import type { ForkPolicy } from '../../deployment/forks.ts';
import type {
  AccessLevel,
  CommitFacts,
  CommittedFile,
  JobClaims,
  MergeRequestFacts,
  NoteFacts,
  PersonFacts,
  PipelineFacts,
  ProjectFacts,
  StateChange,
} from '../../deployment/gitlab-facts.ts';
import type { SealingKey } from '../../deployment/sealed-variables.ts';
import type { SetupVariables } from '../../deployment/setup-variables.ts';
import type { Log } from '../../log.ts';
import type { RevisionLogs } from '../../store/revision-logs.ts';
import type { Store } from '../../store/store.ts';
import type { HeardOfStrangers } from '../heard-of-strangers.ts';

/** What the doors of the pipeline's jobs read from GitLab. */
export interface JobGitLab {
  project(projectId: number): Promise<ProjectFacts>;
  mergeRequest(projectId: number, iid: number): Promise<MergeRequestFacts | null>;
  mergeRequestPipelines(projectId: number, iid: number): Promise<PipelineFacts[]>;
  pipeline(projectId: number, pipelineId: number): Promise<PipelineFacts>;
  stateChanges(projectId: number, iid: number): Promise<StateChange[]>;
  jobQueuedAt(projectId: number, jobId: number): Promise<number | null>;
  commit(projectId: number, sha: string): Promise<CommitFacts>;
  committedFiles(projectId: number, sha: string): Promise<CommittedFile[]>;
  ownUser(): Promise<PersonFacts>;
  notes(projectId: number, iid: number): Promise<NoteFacts[]>;
  accessLevel(projectId: number, userId: number): Promise<AccessLevel>;
}

/** An archive that was taken: its address, its sizes, and its tree as it lies on disk for a moment. */
export interface ReceivedBundle {
  readonly digest: string;
  readonly archiveBytes: number;
  readonly unpackedBytes: number;
  readonly entries: number;
  readonly tree: string;
}

export interface CiContext {
  readonly store: Store;
  readonly heardOfStrangers: HeardOfStrangers;
  readonly logs: RevisionLogs;
  readonly gitlab: JobGitLab;
  readonly log: Log;
  readonly now: () => number;
  readonly allowedProjects: readonly string[];
  readonly forks: ForkPolicy;
  /** Deployments of forks that may wait for approval at once: their code takes room, and anybody can send it. */
  readonly heldAtMost: number;
  /** Of `BD_SECRET_KEY`; none where it is not set. */
  readonly sealingKeys: readonly SealingKey[];
  readonly setupVariables: SetupVariables;
  /** How long a merge request's head may lag behind the pipeline: GitLab's reads may be stale. */
  readonly headPatienceMs: number;
  verifyToken(token: string): Promise<JobClaims>;
  /** @throws ProblemError 507 where there is no room for an upload (of `bytes`, as far as that is known) */
  checkRoom(bytes?: number): Promise<void>;
  receiveBundle(body: AsyncIterable<Uint8Array>, info: { readonly declaredBytes?: number }): Promise<ReceivedBundle>;
  /**
   * Ends a job's claim on what it sent: drops its unpacked tree, and the archive where nothing else needs it.
   * @param options.keepArchive asked once the tree is gone: meanwhile another job may have come to need the archive
   */
  releaseBundle(
    bundle: ReceivedBundle,
    options: { readonly keepTree: boolean; readonly keepArchive: () => boolean },
  ): Promise<void>;
  recogniseApp(request: {
    readonly tree: string;
    readonly directory: string;
    readonly timeoutMs: number;
    readonly variables: readonly string[];
    readonly setupVariables: readonly string[];
  }): Promise<AppSpec>;
  previewUrl(name: string): string;
  randomBytes(size: number): Uint8Array;
}
