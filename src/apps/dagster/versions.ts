/** Dagster release of the webserver that the service keeps; a project that has locked a newer one gets that. Tested with projects from 1.9 on. */
export const DAGSTER_VERSION = '1.13.27';
