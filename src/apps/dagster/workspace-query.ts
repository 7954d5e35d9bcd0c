/** One question to a Dagster webserver, and what is believed of its answer. */

import { type Endpoint, post } from './question.ts';

const TIMEOUT_MS = 5_000;
/** Loading code takes its time; the webserver itself gives up after 60 s (`DAGSTER_GRPC_TIMEOUT_SECONDS`). */
const RELOAD_TIMEOUT_MS = 90_000;

/**
 * dagster_graphql/schema/external.py. The webserver is the service's own, so that fields of its release are there whatever release the code
 * server is of. One asset is asked for, to see whether there is any.
 */
const QUERY = `query BranchDeploymentLocations {
  workspaceOrError {
    __typename
    ... on Workspace {
      locationEntries {
        name
        loadStatus
        defsStateInfo { keyStateInfo { name info { version } } }
        locationOrLoadError {
          __typename
          ... on RepositoryLocation {
            repositories { assetNodesConnection(limit: 1) { nodes { id } } jobs { id } schedules { id } sensors { id } }
          }
          ... on PythonError { ...Failure errorChain { isExplicitLink error { message stack } } }
        }
      }
    }
    ... on PythonError { ...Failure }
  }
}
fragment Failure on PythonError { className message stack }`;

export interface PythonError {
  readonly __typename: 'PythonError';
  readonly className: string | null;
  readonly message: string;
  readonly stack: readonly string[];
  readonly errorChain?: ReadonlyArray<{
    readonly isExplicitLink: boolean;
    readonly error: { readonly message: string; readonly stack: readonly string[] };
  }>;
}

/** What a loaded code location has. */
export interface LoadedLocation {
  readonly __typename: 'RepositoryLocation';
  readonly repositories: ReadonlyArray<{
    /** One at most. */
    readonly assetNodesConnection: { readonly nodes: readonly unknown[] };
    readonly jobs: readonly unknown[];
    readonly schedules: readonly unknown[];
    readonly sensors: readonly unknown[];
  }>;
}

export interface LocationEntry {
  readonly name: string;
  readonly loadStatus: 'LOADING' | 'LOADED';
  /** Components that make their definitions of a state (Dagster 1.12): `info` is null where one was loaded without. */
  readonly defsStateInfo: {
    readonly keyStateInfo: ReadonlyArray<{ readonly name: string; readonly info: { readonly version: string } | null }>;
  } | null;
  readonly locationOrLoadError: LoadedLocation | PythonError | null;
}

export type LocationsAnswer =
  | { readonly state: 'unreachable'; readonly detail: string }
  | { readonly state: 'broken'; readonly error: PythonError }
  | { readonly state: 'read'; readonly entries: readonly LocationEntry[] };

/** The code locations of a webserver as it sees them now; never rejects. */
export async function askLocations(endpoint: Endpoint): Promise<LocationsAnswer> {
  try {
    const response = await post(endpoint, { query: QUERY }, { timeoutMs: TIMEOUT_MS });
    if (!response.ok) {
      await response.body?.cancel();
      return { state: 'unreachable', detail: `GraphQL answers ${response.status}` };
    }
    const body = (await response.json()) as {
      data?: { workspaceOrError?: { locationEntries?: LocationEntry[] } | PythonError | null } | null;
      errors?: Array<{ message?: string }>;
    };
    const workspace = body.data?.workspaceOrError ?? undefined;
    if (workspace === undefined) {
      const why = body.errors?.[0]?.message;
      return { state: 'unreachable', detail: `its GraphQL answer has no data${why ? `: ${why.slice(0, 300)}` : ''}` };
    }
    if ('message' in workspace) return { state: 'broken', error: workspace };
    return { state: 'read', entries: workspace.locationEntries ?? [] };
  } catch (error) {
    if (error instanceof Error && error.name === 'TimeoutError') {
      return { state: 'unreachable', detail: `no answer within ${TIMEOUT_MS / 1000} s` };
    }
    const code = error instanceof Error ? (error.cause as NodeJS.ErrnoException | undefined)?.code : undefined;
    return { state: 'unreachable', detail: code === 'ECONNREFUSED' ? 'not listening yet' : (code ?? String(error)) };
  }
}

/** Lets the webserver look at a code location again; settles when it has. Never rejects: what came of it is in the next answer. */
export async function reloadLocation(endpoint: Endpoint, name: string): Promise<void> {
  const query =
    'mutation BranchDeploymentReload($name: String!) { reloadRepositoryLocation(repositoryLocationName: $name) { __typename } }';
  try {
    const response = await post(endpoint, { query, variables: { name } }, { timeoutMs: RELOAD_TIMEOUT_MS });
    await response.body?.cancel();
  } catch {
    // It is asked again as long as the location is not reachable.
  }
}
