import { z } from 'zod';

/**
 * The parts of a `dagster.yaml` that a branch may bring along: limits, log levels, timeouts. Names and types are Dagster's
 * (dagster/_core/instance/config.py, 1.13), which reads `env: NAME` in none of them. Dagster ends with a fault in this file, and so
 * would the instance: it is looked for here, where its line can be told.
 */

const count = z.number().int();
const seconds = count.min(0).optional();
const days = count.min(-1).optional();

const concurrency = z.strictObject({
  pools: z
    .strictObject({
      default_limit: count.min(0).max(1000).optional(),
      granularity: z.enum(['run', 'op']).optional(),
      op_granularity_run_buffer: count.min(0).optional(),
    })
    .optional(),
  runs: z
    .strictObject({
      max_concurrent_runs: count.min(-1).optional(),
      tag_concurrency_limits: z
        .array(
          z.strictObject({
            key: z.string(),
            value: z.union([z.string(), z.strictObject({ applyLimitPerUniqueValue: z.boolean() })]).optional(),
            limit: count,
          }),
        )
        .nullable()
        .optional(),
    })
    .optional(),
  default_op_concurrency_limit: count.min(0).max(1000).optional(),
});

const python_logs = z.strictObject({
  managed_python_loggers: z.array(z.string()).optional(),
  // dagster/_core/utils.py, coerce_valid_log_level
  python_log_level: z
    .string()
    .regex(
      /^(critical|fatal|error|warning|warn|info|debug)$/i,
      "is no log level of Dagster's: say CRITICAL, ERROR, WARNING, INFO or DEBUG",
    )
    .optional(),
  dagster_handler_config: z
    .strictObject({
      handlers: z.record(z.string(), z.unknown()).optional(),
      formatters: z.record(z.string(), z.unknown()).optional(),
      filters: z.record(z.string(), z.unknown()).optional(),
    })
    .optional(),
});

const run_monitoring = z.strictObject({
  enabled: z.boolean().optional(),
  start_timeout_seconds: seconds,
  cancel_timeout_seconds: seconds,
  max_runtime_seconds: seconds,
  max_resume_run_attempts: count.min(0).optional(),
  poll_interval_seconds: count.min(1).optional(),
  cancellation_thread_poll_interval_seconds: count.min(1).optional(),
  free_slots_after_run_end_seconds: seconds,
});

const ticks = z.strictObject({
  purge_after_days: z.union([
    count.min(-1),
    z.strictObject({ skipped: days, success: days, failure: days, started: days }),
  ]),
});
const retention = z.strictObject({
  schedule: ticks.optional(),
  sensor: ticks.optional(),
  auto_materialize: ticks.optional(),
});

/** What is taken over; nothing else of the file is looked at. */
export const TakenOver = z.object({
  concurrency: concurrency
    .refine((it) => it.pools === undefined || it.default_op_concurrency_limit === undefined, {
      message: 'has pools and default_op_concurrency_limit, of which Dagster takes one: say pools.default_limit',
    })
    .optional(),
  python_logs: python_logs.optional(),
  run_monitoring: run_monitoring.optional(),
  retention: retention.optional(),
});

export type TakenOver = z.infer<typeof TakenOver>;
