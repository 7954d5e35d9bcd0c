import { z } from 'zod';
import type { LocationDefinitions } from './definitions.ts';

/** What the probe writes and this service reads; another version is that of another release. */
const SNAPSHOT_VERSION = 1;

const Asset = z.object({
  key: z.string().min(1),
  dependencies: z.array(z.object({ key: z.string().min(1), partitionMapping: z.string().nullable() })),
  partitions: z.object({ text: z.string(), value: z.string() }).nullable(),
  tags: z.record(z.string(), z.string()),
  kinds: z.array(z.string()),
  metadata: z.record(z.string(), z.string()),
  codeVersion: z.string().nullable(),
  codeVersionIsDerived: z.boolean(),
  source: z
    .string()
    .regex(/^[0-9a-f]{32}$/)
    .nullable(),
  group: z.string().nullable(),
  owners: z.array(z.string()),
  automationCondition: z.string().nullable(),
  description: z.string().nullable(),
  checks: z.array(z.string()),
  /** Something else makes it: Dagster only knows of it. */
  isExternal: z.boolean(),
  /** What could not be read of this asset, and why. */
  error: z.string().nullable(),
});

const Loaded = z.object({
  version: z.literal(SNAPSHOT_VERSION),
  status: z.literal('loaded'),
  dagster: z.string(),
  python: z.string(),
  assets: z.array(Asset),
  jobs: z.array(z.string()),
  schedules: z.array(z.string()),
  sensors: z.array(z.string()),
  /** Fingerprints of lock files, by path from the root of the tree. */
  locks: z.record(z.string(), z.string()),
  /** What the fingerprints of sources do not see. */
  gaps: z.array(z.string()),
});

const Failed = z.object({
  version: z.literal(SNAPSHOT_VERSION),
  status: z.literal('failed'),
  /** The exception, in one line. */
  reason: z.string(),
  stack: z.string(),
});

/** What the probe says of one code location: its definitions, or why they do not load. */
export const Snapshot = z.discriminatedUnion('status', [Loaded, Failed]);
export type Snapshot = z.infer<typeof Snapshot>;

/**
 * Reads what the probe wrote. It ran beside a project's code, so nothing of it is believed.
 *
 * @throws Error with what is wrong, where the text is not a snapshot of this version
 */
export function readSnapshot(text: string): Snapshot {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error('The probe wrote no JSON.');
  }
  const read = Snapshot.safeParse(value);
  if (read.success) return read.data;
  const [first] = read.error.issues;
  throw new Error(`The probe wrote something else than a snapshot: ${first?.path.join('.')}: ${first?.message}`);
}

/** The definitions of a snapshot, for comparison with another one of the location with that name. */
export function definitionsOf(name: string, snapshot: Extract<Snapshot, { status: 'loaded' }>): LocationDefinitions {
  const { assets, jobs, schedules, sensors } = snapshot;
  return { name, assets, jobs, schedules, sensors };
}
