const LOCATIONS =
  '{ workspaceOrError { ... on Workspace { locationEntries { name locationOrLoadError { __typename ... on PythonError { message } } } } } }';
const RELOAD = 'mutation($name: String!) { reloadRepositoryLocation(repositoryLocationName: $name) { __typename } }';

interface Entry {
  readonly name: string;
  readonly locationOrLoadError: { readonly __typename: string } | null;
}

/**
 * Whether a webserver has loaded all locations. One that was up before a code server looks again by itself only much later: it is asked
 * to, as anyone would by hand.
 */
export async function isLoaded(port: number, names: readonly string[]): Promise<boolean> {
  const answer = await ask<{ workspaceOrError: { locationEntries: readonly Entry[] } }>(port, LOCATIONS);
  const entries = answer.workspaceOrError.locationEntries;
  for (const { name, locationOrLoadError } of entries)
    if (locationOrLoadError?.__typename === 'PythonError') await ask(port, RELOAD, { name });
  return names.every((name) =>
    entries.some((entry) => entry.name === name && entry.locationOrLoadError?.__typename === 'RepositoryLocation'),
  );
}

async function ask<T>(port: number, query: string, variables: Record<string, unknown> = {}): Promise<T> {
  const response = await fetch(`http://127.0.0.1:${port}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query, variables }),
  });
  return ((await response.json()) as { data: T }).data;
}
