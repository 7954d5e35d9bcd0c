/** One request that the server answered; `status` is 0 where the connection was cut. */
export interface RecordedRequest {
  readonly method: string;
  /** Path with its query, as sent. */
  readonly path: string;
  readonly status: number;
  /** Username of the token, where it is one. */
  readonly user: string | null;
}

export interface Violation {
  readonly method: string;
  readonly path: string;
  readonly message: string;
}

export interface Mention {
  readonly username: string;
  readonly projectId: number;
  readonly iid: number;
  readonly noteId: number;
}

/** GitLab's names in `X-Gitlab-Event`. */
export type EventName =
  | 'Merge Request Hook'
  | 'Push Hook'
  | 'Note Hook'
  | 'Pipeline Hook'
  | 'Job Hook'
  | 'Deployment Hook'
  | 'Emoji Hook';

export interface ServerEvent {
  readonly projectId: number;
  readonly name: EventName;
  readonly payload: Readonly<Record<string, unknown>>;
}
