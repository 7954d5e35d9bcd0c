import { type DestinationStream, type Logger, pino } from 'pino';

export type Log = Logger;

/** The service's own log: one JSON line per decision on stdout. Secrets are never handed to it; `redact` is the second net. */
export function createLog(level: string, destination?: DestinationStream): Log {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: { paths: ['*.token', 'token', '*.authorization', 'authorization', '*.headers'], censor: '[redacted]' },
  };
  return destination ? pino(options, destination) : pino(options);
}
