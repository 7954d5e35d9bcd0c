import type {
  AccessLevel,
  CommitFacts,
  CommittedFile,
  EnvironmentFacts,
  JobFacts,
  ListedMergeRequest,
  MergeRequestFacts,
  NoteFacts,
  PersonFacts,
  PipelineFacts,
  ProjectFacts,
  StateChange,
} from '../deployment/gitlab-facts.ts';

/**
 * Everything that the service asks of GitLab's REST API, with the bot user's token.
 * Each call retries what is safe to retry and then throws a `GitLabError`; "not there" is `null` only where the type says so.
 */
export interface GitLab {
  /** The token's user, asked now: it tells whether GitLab takes the token. */
  currentUser(): Promise<PersonFacts>;
  /** The same, asked once: a token has one user for all its life. */
  ownUser(): Promise<PersonFacts>;
  project(projectId: number): Promise<ProjectFacts>;
  /** By the path that people write, for instance `group/project`. */
  projectByPath(path: string): Promise<ProjectFacts | null>;
  /** Effective role, inherited ones included. 0 where the person is no member. */
  accessLevel(projectId: number, userId: number): Promise<AccessLevel>;
  mergeRequest(projectId: number, iid: number): Promise<MergeRequestFacts | null>;
  /** Those of these merge requests that GitLab lists, a hundred with each request. One that is not listed may be there all the same. */
  mergeRequestsOf(projectId: number, iids: readonly number[]): Promise<ListedMergeRequest[]>;
  /** Closes, reopens and merges of a merge request, oldest first, all pages. */
  stateChanges(projectId: number, iid: number): Promise<StateChange[]>;
  /** Pipelines of a merge request, newest first, all pages; also those that ran in a fork. */
  mergeRequestPipelines(projectId: number, iid: number): Promise<PipelineFacts[]>;
  /**
   * A new pipeline for the merge request's head. GitLab makes as many as it is asked for, and of a fork's merge request one that runs the fork's
   * code with the project's variables: guard against both. Not repeated after an answer that may have come after GitLab acted.
   */
  createMergeRequestPipeline(projectId: number, iid: number): Promise<void>;
  /** Jobs of a pipeline, retried ones too, all pages. */
  pipelineJobs(projectId: number, pipelineId: number): Promise<JobFacts[]>;
  /** Runs a job that has ended once more, as a new job of that name; not repeated either. */
  retryJob(projectId: number, jobId: number): Promise<void>;
  pipeline(projectId: number, pipelineId: number): Promise<PipelineFacts>;
  /** When a job was queued: created, or played by a person; ms since the epoch. Null where GitLab does not say. */
  jobQueuedAt(projectId: number, jobId: number): Promise<number | null>;
  commit(projectId: number, sha: string): Promise<CommitFacts>;
  /** All files of a commit, links among them; submodules are left out. One request for each hundred. */
  committedFiles(projectId: number, sha: string): Promise<CommittedFile[]>;
  /** The newest commit that a commit and a branch have in common; null where they have none. */
  mergeBase(projectId: number, sha: string, branch: string): Promise<CommitFacts | null>;
  /** The newest commit of a branch; null where there is no such branch. */
  branchHead(projectId: number, branch: string): Promise<CommitFacts | null>;
  /** All files of a commit as a gzipped tar, below one folder; not repeated. What goes wrong, also midway, is a `GitLabError`. */
  archive(projectId: number, sha: string, options?: { readonly signal?: AbortSignal }): AsyncIterable<Uint8Array>;

  /** Notes of a merge request, oldest first, all pages. */
  notes(projectId: number, iid: number): Promise<NoteFacts[]>;
  /** The newest hundred notes of a merge request, oldest first: one request. */
  recentNotes(projectId: number, iid: number): Promise<NoteFacts[]>;
  note(projectId: number, iid: number, noteId: number): Promise<NoteFacts | null>;
  /** Not repeated after an answer that may have come after GitLab acted: look for the marker first. */
  createNote(projectId: number, iid: number, body: string): Promise<NoteFacts>;
  /** Null where the note is gone. */
  editNote(projectId: number, iid: number, noteId: number, body: string): Promise<NoteFacts | null>;
  /** Puts an emoji on a comment; one that is there already is fine. */
  awardNote(projectId: number, iid: number, noteId: number, emoji: string): Promise<void>;

  /** Environments that are not stopped, all pages; those whose name begins with this text of at least three characters, or all. */
  availableEnvironments(projectId: number, nameBegin?: string): Promise<EnvironmentFacts[]>;
  environment(projectId: number, name: string): Promise<EnvironmentFacts | null>;
  /** The commit that was deployed last and successfully to an environment; null where there is none, or no such environment. */
  deployedCommit(projectId: number, name: string): Promise<string | null>;
  setEnvironmentUrl(projectId: number, environmentId: number, url: string): Promise<void>;
  /** Without playing the stop job (`force`). */
  stopEnvironment(projectId: number, environmentId: number): Promise<void>;
  /** The only thing that makes a stopped environment available again. */
  createDeployment(projectId: number, deployment: { environment: string; sha: string; ref: string }): Promise<void>;
}
