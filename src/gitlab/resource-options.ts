import type { ResourceOptions as RequesterOptions, RequesterType } from '@gitbeaker/requester-utils';

/** What gitbeaker's resource classes are made with. */
export interface ResourceOptions {
  /** Base URL without a slash at the end: gitbeaker would make it two. */
  readonly host: string;
  readonly token?: string;
  /** The same, for `Authorization: Bearer`. */
  readonly oauthToken?: string;
  readonly requesterFn: (options: RequesterOptions) => RequesterType;
  /** None: time limits are the sender's. */
  readonly queryTimeout: null;
  /** None: gitbeaker's own do not match the routes that they are for. */
  readonly rateLimits: Record<string, number>;
}
