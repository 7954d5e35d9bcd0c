import type { Preview } from '../../deployment/preview.ts';

/** What the front door says in place of an app. */
export interface Notice {
  readonly status: 404 | 410 | 502 | 503;
  /** Value of `x-branch-deployment-state`. */
  readonly state: 'starting' | 'failed' | 'stopped' | 'unreachable' | 'unknown';
  readonly heading: string;
  /** Which deployment, for people; undefined where it is not known. */
  readonly title?: string;
  readonly message: string;
  readonly mergeRequestUrl?: string;
  readonly log: readonly string[];
  /** How often the page looks whether the app is there; undefined: it never will be. */
  readonly pollSeconds?: number;
  readonly retryAfterSeconds?: number;
}

/**
 * The notice for a preview that does not serve.
 *
 * `starting` and `failed` are 503: the same request can succeed later, after a Retry-After, or after the next push. `stopped` is
 * 410: what ran here was taken away on purpose (merged, closed), and clients should not try again; a deployment that
 * comes back after all is not hindered, because nothing may store the answer.
 */
export function describePreview(preview: Exclude<Preview, { state: 'serving' }>): Notice {
  const shared = {
    title: preview.title,
    message: preview.message,
    mergeRequestUrl: preview.mergeRequestUrl,
    log: preview.log,
  };
  const { state } = preview;
  switch (state) {
    case 'starting':
      return { ...shared, status: 503, state, heading: 'Starting', pollSeconds: 1, retryAfterSeconds: 2 };
    case 'failed':
      return { ...shared, status: 503, state, heading: 'Could not be started', pollSeconds: 5 };
    case 'stopped':
      return { ...shared, status: 410, state, heading: 'Stopped', pollSeconds: 30 };
    default:
      return state satisfies never;
  }
}

/** The notice for a host that belongs to no deployment. */
export function describeUnknown(): Notice {
  return {
    status: 404,
    state: 'unknown',
    heading: 'No such preview',
    message:
      'Nothing is deployed under this address. Open the preview from its merge request: the link there is always the current one.',
    log: [],
  };
}

/** The notice for an app that gave no response though it serves: it may just have crashed, and is then started again. */
export function describeUnreachable(name: string): Notice {
  return {
    status: 502,
    state: 'unreachable',
    heading: 'No answer from the app',
    title: name,
    message:
      'The app of this preview did not answer. It may have crashed a moment ago; if so, it is being started again.',
    log: [],
    pollSeconds: 2,
    retryAfterSeconds: 2,
  };
}
