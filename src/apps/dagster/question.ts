/** Where a webserver listens. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** What is sent to GraphQL. */
export interface GraphQlRequest {
  readonly query: string;
  readonly variables?: Readonly<Record<string, unknown>>;
}

/**
 * One question to a Dagster webserver.
 * @throws where it does not answer in time
 */
export async function post(
  endpoint: Endpoint,
  body: GraphQlRequest,
  options: { timeoutMs: number },
): Promise<Response> {
  const host = endpoint.host.includes(':') ? `[${endpoint.host}]` : endpoint.host;
  return await fetch(`http://${host}:${endpoint.port}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    redirect: 'manual',
    signal: AbortSignal.timeout(options.timeoutMs),
  });
}

/** The data of an answer; undefined where there is none, for whatever reason. Never rejects. */
export async function question<T>(
  endpoint: Endpoint,
  body: GraphQlRequest,
  options: { timeoutMs: number },
): Promise<T | undefined> {
  try {
    const response = await post(endpoint, body, options);
    const { data } = (await response.json()) as { data?: T | null };
    return data ?? undefined;
  } catch {
    return undefined;
  }
}
