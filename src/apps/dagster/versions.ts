/** Dagster release of the webserver that the service keeps; a project that has locked a newer one gets that. Projects of older releases run under it. */
export const DAGSTER_VERSION = '1.13.27';

/** What a dbt project has beside it, as tested. dbt-core 1.12 needs a wheel that is not on PyPI. */
export const DBT_PACKAGES = [
  'dagster-dbt==0.29.27',
  'dagster-dg-cli==1.13.27',
  'dbt-core==1.11.16',
  'dbt-duckdb==1.11.1',
  'duckdb==2.0.1',
] as const;

/** What turns a poetry.lock into requirements, as tested; they come from the package index, once for all deployments. */
export const POETRY_EXPORT = ['poetry==2.5.1', 'poetry-plugin-export==1.10.1'] as const;

/** The oldest release whose code servers are tried with that webserver. */
export const OLDEST_DAGSTER = '1.9.13';
