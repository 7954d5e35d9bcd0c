import { until } from '../../support/poll.ts';
import type { Outcome } from '../app-world.ts';

/** One question to the GraphQL of an instance. */
export async function ask<T>(
  { endpoint }: Outcome,
  query: string,
  variables: Record<string, unknown> = {},
): Promise<T> {
  const response = await fetch(`http://${endpoint?.host}:${endpoint?.port}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query, variables }),
  });
  return ((await response.json()) as { data: T }).data;
}

/** Runs all assets of a location, and waits for the run's end. @returns its status */
export async function runAssets(outcome: Outcome, location: string, options: { timeoutMs: number }): Promise<string> {
  const selector = { jobName: '__ASSET_JOB', repositoryName: '__repository__', repositoryLocationName: location };
  const { launchRun } = await ask<{ launchRun: { run?: { runId: string } } }>(
    outcome,
    'mutation($p: ExecutionParams!) { launchRun(executionParams: $p) { __typename ... on LaunchRunSuccess { run { runId } } } }',
    { p: { selector, runConfigData: {}, mode: 'default' } },
  );
  return until(
    'the run to end',
    async () => {
      const query = '{ runsOrError { ... on Runs { results { runId status } } } }';
      const { runsOrError } = await ask<{ runsOrError: { results: Array<{ runId: string; status: string }> } }>(
        outcome,
        query,
      );
      const run = runsOrError.results.find((one) => one.runId === launchRun.run?.runId);
      return run && /SUCCESS|FAILURE|CANCELED/.test(run.status) ? run.status : undefined;
    },
    options.timeoutMs,
  );
}
