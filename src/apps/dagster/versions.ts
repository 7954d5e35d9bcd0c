/** Dagster release of the webserver that the service keeps; a project that has locked a newer one gets that. Tested with projects from 1.9 on. */
export const DAGSTER_VERSION = '1.13.27';

/** What a dbt project has beside it, as tested. dbt-core 1.12 needs a wheel that is not on PyPI. */
export const DBT_PACKAGES = [
  'dagster-dbt==0.29.27',
  'dagster-dg-cli==1.13.27',
  'dbt-core==1.11.16',
  'dbt-duckdb==1.11.1',
  'duckdb==2.0.1',
] as const;
