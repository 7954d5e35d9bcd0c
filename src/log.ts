import { type DestinationStream, type Logger, pino } from 'pino';

export type Log = Logger;

const PLAIN_SECRETS = ['token', 'authorization'];
const CENSOR = '[redacted]';

/** The service's own log: one JSON line per decision on stdout. Secrets are never handed to it; `redact` is the second net. */
export function createLog(level: string, destination?: DestinationStream): Log {
  const options = {
    level,
    base: null,
    timestamp: isoTime,
    redact: { paths: [...PLAIN_SECRETS, '*.token', '*.authorization', '*.headers'], censor: CENSOR },
  };
  return destination ? pino(options, destination) : pino(options);
}

let at = 0;
let isoText = '';

/** As pino's own; that of one millisecond is written once, since many lines fall into it where there are many. */
function isoTime(): string {
  const now = Date.now();
  if (now !== at) isoText = `,"time":"${new Date(now).toISOString()}"`;
  at = now;
  return isoText;
}

/**
 * The same log, for lines whose fields are all text, numbers and booleans: `redact` looks for secrets in their names alone. To look into each
 * field too, where there is nothing to look into, takes longer than all the rest of a line.
 */
export function plainLog(log: Log): Log {
  return log.child({}, { redact: { paths: PLAIN_SECRETS, censor: CENSOR } });
}

/** The ids that a line about a merge request carries; `mergeRequest` is its number in the project. */
export function mergeRequestFields(row: { readonly projectId: number; readonly iid: number }) {
  return { project: row.projectId, mergeRequest: row.iid };
}

/** The ids that a line about a deployment carries, so that all that was decided about it is found by them; `revision` is its number. */
export function deploymentFields(
  deployment: { readonly id: number; readonly name: string; readonly projectId: number; readonly ref: string },
  revision?: { readonly number: number },
) {
  const iid = /^mr-(\d+)$/.exec(deployment.ref)?.[1];
  return {
    project: deployment.projectId,
    ...(iid === undefined ? {} : { mergeRequest: Number(iid) }),
    deployment: deployment.id,
    ...(revision === undefined ? {} : { revision: revision.number }),
    name: deployment.name,
  };
}
