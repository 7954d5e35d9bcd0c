import { dirname } from 'node:path';
import { until } from '../support/poll.ts';
import { fixtureFiles } from '../support/projects.ts';
import type { AskPreview, DemoApp, DemoWork } from './app.ts';

const REPORT = 'projects/shop/src/shop/defs/report.py';
/** The job of the example, and the day that it loads. */
const JOB = { repositoryLocationName: 'shop', repositoryName: '__repository__', jobName: 'load_orders' };
const DAY = '2026-01-02';
const RUN_PATIENCE_MS = 120_000;

const LAUNCH = `mutation ($params: ExecutionParams!) {
  launchRun(executionParams: $params) { __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } }
}`;
const STATUS = 'query ($id: ID!) { runOrError(runId: $id) { __typename ... on Run { status } } }';

/** The shipped example: a workspace with a Python and a dbt location, installed from PyPI. */
export function dagsterApp(why: string, tools: { readonly uv: string; readonly cache: string }): DemoApp {
  const report = (name: string) =>
    `import dagster as dg\n\n\n@dg.asset(deps=["revenue"])\ndef ${name}() -> None:\n    """Sent to everybody."""\n`;
  return {
    name: 'dagster',
    why,
    files: fixtureFiles('dagster-workspace'),
    open: { message: 'Add a weekly report', files: { [REPORT]: report('weekly_report') }, shows: 'weekly_report' },
    second: {
      message: 'Make it a monthly report',
      files: { [REPORT]: report('monthly_report') },
      shows: 'monthly_report',
    },
    broken: {
      message: 'Use a library that is not installed',
      files: { [REPORT]: `import missing_library\n${report('monthly_report')}` },
      shows: 'missing_library',
    },
    path: tools.uv.includes('/') ? [dirname(tools.uv)] : [],
    uvCache: tools.cache,
    shown: (get) => get('/graphql', JSON.stringify({ query: '{ assetNodes { assetKey { path } } }' })),
    work: loadOrders,
  };
}

/** A run of the branch's own code, which writes to the branch's own warehouse. */
async function loadOrders(get: AskPreview): Promise<DemoWork> {
  const ask = async (query: string, variables: object) =>
    (JSON.parse(await get('/graphql', JSON.stringify({ query, variables }))) as { data?: Record<string, unknown> })
      .data;
  const executionMetadata = { tags: [{ key: 'dagster/partition', value: DAY }] };
  const params = { selector: JOB, runConfigData: {}, mode: 'default', executionMetadata };
  const launched = (await ask(LAUNCH, { params }))?.launchRun as { run?: { runId: string } } | undefined;
  const id = launched?.run?.runId;
  if (id === undefined) throw new Error(`the run could not be launched: ${JSON.stringify(launched)}`);
  const status = await until(
    `run ${id} to end`,
    async () => {
      const run = (await ask(STATUS, { id }))?.runOrError as { status?: string } | undefined;
      return /^(SUCCESS|FAILURE|CANCELED)$/.test(run?.status ?? '') ? run?.status : undefined;
    },
    RUN_PATIENCE_MS,
  );
  if (status !== 'SUCCESS') throw new Error(`run ${id} of ${JOB.jobName} ended with ${status}`);
  return { done: `the job ${JOB.jobName} ran for ${DAY} and ended with ${status}`, path: `/runs/${id}` };
}
