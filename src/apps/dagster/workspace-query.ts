/** One question to a Dagster webserver, and what is believed of its answer. */

import { type Endpoint, post } from './question.ts';

const TIMEOUT_MS = 5_000;
/** Loading code takes its time; the webserver itself gives up after 60 s (`DAGSTER_GRPC_TIMEOUT_SECONDS`). */
const RELOAD_TIMEOUT_MS = 90_000;

/** dagster_graphql/schema/external.py; stable since 1.0. */
const QUERY = `query BranchDeploymentLocations {
  workspaceOrError {
    __typename
    ... on Workspace {
      locationEntries {
        name
        loadStatus
        locationOrLoadError { __typename ... on PythonError { ...Failure errorChain { isExplicitLink error { message stack } } } }
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

export interface LocationEntry {
  readonly name: string;
  readonly loadStatus: 'LOADING' | 'LOADED';
  readonly locationOrLoadError: { readonly __typename: 'RepositoryLocation' } | PythonError | null;
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
      data?: { workspaceOrError?: { locationEntries?: LocationEntry[] } | PythonError };
    };
    const workspace = body.data?.workspaceOrError;
    if (workspace === undefined) return { state: 'unreachable', detail: 'its GraphQL answer has no data' };
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
