import { dirname } from 'node:path';
import { until } from '../support/poll.ts';
import { fixtureFiles } from '../support/projects.ts';
import type { AskPreview, DemoApp, DemoWork } from './app.ts';

const DEFS = 'projects/shop/src/shop/defs';
const ORDERS = `${DEFS}/orders.py`;
const REPORT = `${DEFS}/report.py`;
const MODEL = 'projects/marts/dbt/models/customers_by_country.sql';
/** The job of the example, and the day that it loads. */
const JOB = { repositoryLocationName: 'shop', repositoryName: '__repository__', jobName: 'load_orders' };
const DAY = '2026-01-02';
/** Of both pushes: the second one gives the new asset another name. */
const CHANGES = '1 new asset, 2 changed assets, 1 removed asset, 3 downstream';
const RUN_PATIENCE_MS = 120_000;

const LAUNCH = `mutation ($params: ExecutionParams!) {
  launchRun(executionParams: $params) { __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } }
}`;
const STATUS = 'query ($id: ID!) { runOrError(runId: $id) { __typename ... on Run { status } } }';

/** The shipped example: a workspace with a Python and a dbt location, installed from PyPI. */
export function dagsterApp(why: string, tools: { readonly uv: string; readonly cache: string }): DemoApp {
  const report = (name: string) =>
    `import dagster as dg\n\n\n@dg.asset(deps=["revenue"])\ndef ${name}() -> None:\n    """Sent to everybody."""\n`;
  const files = fixtureFiles('dagster-workspace');
  return {
    name: 'dagster',
    why,
    files,
    // One of each: a function, a model of dbt, an asset more, and one less.
    open: {
      message: 'Count the late orders, and report weekly',
      files: {
        [ORDERS]: files[ORDERS]?.replace('[3, 5, 8]', '[3, 5, 8, 2]') ?? null,
        [MODEL]: files[MODEL]?.replace('group by', "where country <> ''\ngroup by") ?? null,
        [REPORT]: report('weekly_report'),
        [`${DEFS}/best_day.py`]: null,
      },
      shows: 'weekly_report',
      changes: CHANGES,
    },
    second: {
      message: 'Make it a monthly report',
      files: { [REPORT]: report('monthly_report') },
      shows: 'monthly_report',
      changes: CHANGES,
    },
    broken: {
      message: 'Use a library that is not installed',
      files: { [REPORT]: `import missing_library\n${report('monthly_report')}` },
      shows: 'missing_library',
    },
    path: tools.uv.includes('/') ? [dirname(tools.uv)] : [],
    uvCache: tools.cache,
    shown: (get) => get('/graphql', JSON.stringify({ query: '{ assetNodes { assetKey { path } changedReasons } }' })),
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
