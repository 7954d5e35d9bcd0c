/** What the service needs to know of GitLab, in its own words: GitLab's wire format ends in `gitlab/`. */

export type MergeRequestState = 'opened' | 'closed' | 'merged' | 'locked';

export interface MergeRequestFacts {
  readonly projectId: number;
  readonly iid: number;
  readonly state: MergeRequestState;
  readonly title: string;
  readonly draft: boolean;
  readonly webUrl: string;
  /** `group/sub/project` and URL of the project, as they are now: a moved one keeps its id. */
  readonly projectPath: string;
  readonly projectUrl: string;
  readonly sourceProjectId: number | null;
  readonly sourceBranch: string;
  readonly targetBranch: string;
  /** Head commit of the source branch. */
  readonly headSha: string;
  readonly author: PersonFacts;
}

/** A merge request as lists show it, with what changes when anything about it does. */
export interface ListedMergeRequest extends MergeRequestFacts {
  readonly updatedAt: string;
  /** Comments of people and of ours; GitLab's own remarks are not counted. */
  readonly notesCount: number;
}

/** That a merge request was closed or merged (`ended`), or reopened. */
export interface StateChange {
  readonly ended: boolean;
  /** Ms since the epoch, by GitLab's clock. */
  readonly at: number;
}

export interface PersonFacts {
  readonly id: number;
  readonly username: string;
  readonly name: string;
}

/** A token of somebody who calls the service, and the header that it came in: `PRIVATE-TOKEN`, or `Authorization: Bearer`. */
export interface CallerToken {
  readonly header: 'private-token' | 'bearer';
  readonly value: string;
}

export interface PipelineFacts {
  readonly id: number;
  readonly projectId: number;
  readonly sha: string;
  readonly ref: string;
  readonly source: string;
  /** As GitLab calls it (doc/api/pipelines.md): `success`, `failed`, `skipped`, … */
  readonly status: string;
  readonly webUrl: string | null;
  readonly user: PersonFacts | null;
  readonly createdAt: string;
}

/** One job of a pipeline. */
export interface JobFacts {
  readonly id: number;
  readonly name: string;
  readonly status: string;
}

/** Why a head commit is not deployed, while an older one is. */
export interface HeadRemark {
  readonly sha: string;
  /**
   * `waiting`: its pipeline may still bring it; `skipped`: GitLab made no pipeline for it or skipped it, or it deployed nothing; `failed`: its
   * pipeline ended before it was deployed; `canceled`: somebody ended that.
   */
  readonly kind: 'waiting' | 'skipped' | 'failed' | 'canceled';
  readonly pipelineUrl: string | null;
  /** When it was first seen to be the head; ms since the epoch. */
  readonly since: number;
}

export interface CommitFacts {
  readonly sha: string;
  readonly title: string;
  readonly message: string;
  readonly authorName: string;
  readonly authorEmail: string;
  /** Unix seconds of the commit. */
  readonly timestamp: number;
  readonly parentShas: readonly string[];
  readonly webUrl: string;
  /** Where its merge with the target branch was deployed (merged results): the target's commit that it was merged with. */
  readonly mergedInto?: string;
}

/** A file of a commit. `id` is git's own, a hash over its content. */
export interface CommittedFile {
  /** From the root of the repository, with `/`. */
  readonly path: string;
  readonly kind: 'file' | 'link';
  readonly id: string;
}

export interface ProjectFacts {
  readonly id: number;
  /** `group/sub/project`. */
  readonly path: string;
  readonly webUrl: string;
  readonly defaultBranch: string | null;
  /** Who sees its merge requests: everybody who sees it, its members from Reporter up, nobody. */
  readonly mergeRequests: 'enabled' | 'private' | 'disabled';
}

export interface EnvironmentFacts {
  readonly id: number;
  readonly name: string;
  readonly state: 'available' | 'stopping' | 'stopped';
  readonly externalUrl: string | null;
}

export interface NoteFacts {
  readonly id: number;
  readonly body: string;
  readonly author: PersonFacts;
  readonly system: boolean;
  /** Ms since the epoch, by GitLab's clock. */
  readonly createdAt: number;
}

/** Claims of a GitLab ID token that the service reads (doc/ci/secrets/id_token_authentication.md). */
export interface JobClaims {
  readonly jobId: number;
  readonly pipelineId: number;
  readonly pipelineSource: string;
  /** Project that runs the job; `job_project_id` where GitLab sends it (18.4 and up), else `project_id`. */
  readonly runningProjectId: number;
  /** `project_id`: of a fork's pipeline the fork, even where the pipeline runs in the parent (18.2.2 and up). */
  readonly projectId: number;
  readonly projectPath: string;
  readonly ref: string;
  readonly refProtected: boolean;
  readonly sha: string;
  readonly userLogin: string;
  readonly environment: string | null;
  readonly environmentAction: string | null;
}

/** A person's role in a project, by GitLab's numbers: 20 Reporter, 30 Developer, 40 Maintainer, 50 Owner; 0 none. */
export type AccessLevel = number;

/** What it takes to read a project's deployments, and to act on them. */
export const REPORTER: AccessLevel = 20;
export const DEVELOPER: AccessLevel = 30;
