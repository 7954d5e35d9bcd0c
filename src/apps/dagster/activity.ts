import type { Activity } from '../preset.ts';
import { type Endpoint, question } from './question.ts';

const TIMEOUT_MS = 5_000;
/** Where there are more, that they are many is all that counts. */
const MOST = 500;
const ACTIVE = 'STARTING STARTED CANCELING'.split(' ');
const WAITING = 'QUEUED NOT_STARTED'.split(' ');

/** dagster_graphql/schema: runsOrError and displayMetadata are stable since 1.0. */
const SERVERS = `query BranchDeploymentServers {
  workspaceOrError { ... on Workspace { locationEntries { displayMetadata { key value } } } }
}`;

interface Runs {
  readonly results?: readonly unknown[];
}

/**
 * What goes on in an instance, as its webserver tells: runs on its own code servers, and what waits in the deployment's queue. Undefined
 * where it cannot be asked; never rejects.
 *
 * Which server has a run stands in a hidden tag, which can be asked for and is not shown (`GRPC_INFO_TAG` in
 * dagster/_core/launcher/default_run_launcher.py): a deployment's revisions share their storage, not their servers.
 */
export async function askActivity(endpoint: Endpoint): Promise<Activity | undefined> {
  const servers = await question<{
    workspaceOrError?: { locationEntries?: Array<{ displayMetadata: Array<{ key: string; value: string }> }> };
  }>(endpoint, { query: SERVERS }, { timeoutMs: TIMEOUT_MS });
  const entries = servers?.workspaceOrError?.locationEntries;
  if (entries === undefined) return undefined;
  const tags = entries.flatMap(({ displayMetadata }) => {
    const { host, port } = Object.fromEntries(displayMetadata.map(({ key, value }) => [key, value]));
    // As Python's json writes it.
    return port === undefined ? [] : [`{"host": ${JSON.stringify(host)}, "port": ${port}}`];
  });
  const asked = tags.map(
    (tag, index) =>
      `server${index}: ${runs(ACTIVE, `, tags: [{ key: ".dagster/grpc_info", value: ${JSON.stringify(tag)} }]`)}`,
  );
  const query = `query BranchDeploymentActivity {
    ${asked.join('\n')}
    waiting: ${runs(WAITING, '')}
    backfills: partitionBackfillsOrError(status: REQUESTED, limit: ${MOST}) { ... on PartitionBackfills { results { id } } }
  }`;
  const answer = await question<Record<string, Runs>>(endpoint, { query }, { timeoutMs: TIMEOUT_MS });
  if (answer === undefined) return undefined;
  const count = (name: string): number | undefined => answer[name]?.results?.length;
  const running = tags.map((_, index) => count(`server${index}`));
  const waiting = [count('waiting'), count('backfills')];
  if ([...running, ...waiting].includes(undefined)) return undefined;
  return { running: sum(running), waiting: sum(waiting) };
}

function runs(statuses: readonly string[], more: string): string {
  return `runsOrError(filter: { statuses: [${statuses.join(', ')}]${more} }, limit: ${MOST}) { ... on Runs { results { id } } }`;
}

function sum(counts: ReadonlyArray<number | undefined>): number {
  return counts.reduce<number>((total, count) => total + (count ?? 0), 0);
}
