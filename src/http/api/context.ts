import type { AccessLevel, CallerToken, PersonFacts } from '../../deployment/gitlab-facts.ts';
import type { Log } from '../../log.ts';
import type { RevisionLogs } from '../../store/revision-logs.ts';
import type { Store } from '../../store/store.ts';

/** What GitLab says about the owner of a token, asked with that token. */
export interface CallerGitLab {
  currentUser(): Promise<PersonFacts>;
  /** 0 where the person is no member, or the token does not show the project. */
  accessLevel(projectId: number, userId: number): Promise<AccessLevel>;
  /** What the token may do; null where GitLab does not say. */
  scopes(): Promise<readonly string[] | null>;
}

export interface ApiContext {
  readonly store: Store;
  readonly logs: RevisionLogs;
  readonly log: Log;
  readonly now: () => number;
  /** URL of the service as people reach it, without a slash at the end. */
  readonly publicUrl: string;
  previewUrl(name: string): string;
  gitlabOf(token: CallerToken): CallerGitLab;
}
