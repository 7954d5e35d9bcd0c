/**
 * How long a job may take from our last word to it until GitLab has it as ended, and the environment as its end leaves it: available after
 * a deploy job, stopped after any stop job that succeeded. Until then what GitLab says of the environment is not the last word; ms.
 */
export const JOB_ENDS_MS = 10_000;
