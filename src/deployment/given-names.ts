/**
 * Options of Dagster's processes (`envvar` in dagster/_cli/api.py; `DAGSTER_CLI_*` is click's for all of them, and the last is of
 * dagster/_core/secrets/env_file.py): storage and environment would be others than the deployment's.
 */
const OF_DAGSTERS_PROCESSES = ['DAGSTER_INSTANCE_REF', 'DAGSTER_PROJECT_ENV_FILE_PATHS'];

/** Names that an app file's `env` may not set, and no variable may have: they tell the app who it is, or keep it apart from others. */
export function isReserved(name: string): boolean {
  return (
    /^(BRANCH_DEPLOYMENT_|DAGSTER_CLOUD_|DAGSTER_CLI_)/.test(name) ||
    OF_DAGSTERS_PROCESSES.includes(name) ||
    ['HOST', 'PORT', 'HOME', 'TMPDIR', 'DAGSTER_HOME', 'SETUPTOOLS_SCM_PRETEND_VERSION'].includes(name)
  );
}

/** What these hold in a job is true in the job's image only: there is no such path where the app runs. */
const OF_THE_JOBS_IMAGE = ['PATH', 'LD_LIBRARY_PATH', 'LD_PRELOAD'];

/** Whether a job may hand over a variable of this name. */
export function mayHandOver(name: string): boolean {
  return !isReserved(name) && !OF_THE_JOBS_IMAGE.includes(name);
}
