/** One question to a Dagster webserver, and what is believed of its answer. */

const TIMEOUT_MS = 5_000;

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
export async function askLocations(endpoint: {
  readonly host: string;
  readonly port: number;
}): Promise<LocationsAnswer> {
  const host = endpoint.host.includes(':') ? `[${endpoint.host}]` : endpoint.host;
  try {
    const response = await fetch(`http://${host}:${endpoint.port}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: QUERY }),
      redirect: 'manual',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
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
    if (error instanceof Error && error.name === 'TimeoutError')
      return { state: 'unreachable', detail: `no answer within ${TIMEOUT_MS / 1000} s` };
    const code = error instanceof Error ? (error.cause as NodeJS.ErrnoException | undefined)?.code : undefined;
    return { state: 'unreachable', detail: code === 'ECONNREFUSED' ? 'not listening yet' : (code ?? String(error)) };
  }
}
