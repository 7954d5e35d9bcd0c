import { z } from 'zod';
import { durationMs, sizeBytes } from '../../deployment/units.ts';
import { LOCATION_NAME, PYTHON_MODULE, PYTHON_NAME } from '../location-names.ts';

/** Name of the app file, in the app's folder. */
export const APP_FILE = '.branch-deployment.yml';

const command = z.string().trim().min(1, 'is empty').max(16_384, 'is longer than 16384 characters');
const path = z
  .string()
  .min(1, 'is empty')
  .max(1024)
  .refine((value) => !value.startsWith('/'), 'is an absolute path; paths are relative to the folder of this file');
const moduleName = z.string().regex(PYTHON_MODULE, 'is not the name of a Python module');
const python = z
  .string()
  .regex(/^[\w.@+/-]{1,200}$/, 'is not a Python version (like "3.12") or the path of an interpreter')
  .describe('Version or path of the Python interpreter; it is not downloaded unless the service allows it');
const duration = z
  .string()
  .refine((value) => durationMs(value) !== undefined, 'is not a duration (like 30s, 15m, 2h, 7d)');

const location = z
  .strictObject({
    name: z.string().regex(LOCATION_NAME, 'has control characters or more than 120 characters'),
    directory: path
      .optional()
      .describe("Folder that the code server starts in, relative to this file's; default: this file's"),
    module: moduleName.optional(),
    file: path.optional(),
    package: moduleName.optional(),
    autoload: moduleName.optional(),
    attribute: z.string().regex(PYTHON_NAME, 'is not a Python name').optional(),
    optional: z.boolean().optional().describe('A location that may fail without failing the deployment'),
    python: python.optional(),
    setup: command.optional(),
    prepare: command.optional(),
  })
  .refine((it) => [it.module, it.file, it.package, it.autoload].filter((one) => one !== undefined).length === 1, {
    message: 'needs exactly one of module, file, package, autoload: what its code server loads',
  });

const commandHook = z.strictObject({ run: command, every: z.boolean().optional() });
const jobHook = z.strictObject({
  dagster_job: z.strictObject({
    name: z.string(),
    location: z.string(),
    config: z.record(z.string(), z.unknown()).optional(),
    tags: z.record(z.string(), z.string()).optional(),
    timeout: duration.optional(),
  }),
  every: z.boolean().optional(),
});
const hooks = z.array(z.union([commandHook, jobHook])).optional();

/** `.branch-deployment.yml` (README, "The app file"). */
export const AppFile = z.strictObject({
  preset: z.enum(['command', 'dagster']).optional(),
  setup: command.optional().describe('Runs before prepare; its outputs are kept per content of setup_inputs'),
  setup_inputs: z
    .array(path)
    .max(100)
    .optional()
    .describe(
      'Files, and folders with all that is in them, that decide whether kept outputs can be used again; default: the lock files that are there',
    ),
  setup_outputs: z.array(path).max(100).optional().describe('Default: node_modules and .venv'),
  prepare: command.optional().describe('Runs for every revision, after setup, before start'),
  start: command.optional().describe('Run by sh; gets HOST and PORT'),
  health: z
    .string()
    .regex(/^\/[\x21-\x7e]*$/, 'is not a path that starts with /')
    .optional()
    .describe('GET answers 2xx or 3xx; default /'),
  env: z
    .record(
      z.string().regex(/^[A-Za-z_]\w*$/, 'is not the name of a variable'),
      z.union([z.string(), z.number(), z.boolean()]),
    )
    .optional(),
  persist: z
    .array(path)
    .max(20)
    .optional()
    .describe(
      "Folders below this file's that stay from revision to revision; the first one that names them fills them",
    ),
  resources: z
    .strictObject({
      memory: z
        .string()
        .refine((value) => sizeBytes(value) !== undefined, 'is not a size (like 512Mi, 2Gi)')
        .optional(),
      cpu: z.number().positive().optional(),
    })
    .optional(),
  idle_after: duration.optional(),
  hooks: z.strictObject({ after_deploy: hooks, after_close: hooks }).optional(),
  changes: z
    .strictObject({
      compare_with: z
        .string()
        .regex(
          /^(merge-base|target|on-create|on-update|environment:.+)$/,
          'is not merge-base, target, environment:<name>, on-create or on-update',
        )
        .optional(),
      ignore_metadata: z.array(z.string()).optional(),
      rename_locations: z.record(z.string(), z.string()).optional(),
      base_artifacts: z
        .array(path)
        .max(20)
        .optional()
        .describe('Files of the prepared base, for the next revision: in $BRANCH_DEPLOYMENT_BASE_DIR'),
    })
    .optional(),
  locations: z
    .array(location)
    .min(1, 'is empty')
    .max(50)
    .optional()
    .describe('Dagster: instead of what would be recognised'),
  python: python.optional(),
  daemon: z.enum(['runs', 'all', 'none']).optional().describe('Default: runs (backfills, run queue, run monitoring)'),
  max_concurrent_runs: z.number().int().min(1).max(10_000).optional().describe('Others wait in the run queue'),
  drain: duration.optional().describe('How long runs of the revision before may go on after a push; default 10m'),
  dagster_yaml: path
    .optional()
    .describe(
      "A dagster.yaml, relative to this file's folder: concurrency, python_logs, run_monitoring and retention are taken over; storage, compute logs, launcher and coordinator never",
    ),
});

/** The content of an app file. */
export type AppFile = z.infer<typeof AppFile>;

/** JSON Schema of the app file, for editors: served at `/schema/branch-deployment.json`. */
export function appFileJsonSchema(): Record<string, unknown> {
  return { ...z.toJSONSchema(AppFile, { target: 'draft-7', io: 'input' }), title: APP_FILE };
}
