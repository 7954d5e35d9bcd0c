import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { LostPart } from '../../deployment/launch.ts';
import type { ProcessId } from './process-table.ts';

/** One process that stays, or one command that is running. */
export interface RecordedProcess extends ProcessId {
  /** For people: "app", "webserver". */
  readonly name: string;
  /** The optional part that it is for. */
  readonly part?: string;
}

/** What a killed service leaves to the next one, as `instance.json`. */
export interface InstanceRecord {
  readonly version: 1;
  readonly name: string;
  readonly deployment: string;
  /**
   * `preparing` and `stopping` were interrupted where a new service finds them: what is left is ended, and then it is `interrupted`,
   * which counts as absent.
   */
  stage: 'preparing' | 'running' | 'exited' | 'stopping' | 'interrupted';
  /** What a start is at, for people. */
  step: string;
  host: string;
  /** By the names that the launch gave them. */
  ports: Record<string, number>;
  /** The one that gets the traffic; null before it is chosen. */
  port: number | null;
  processes: RecordedProcess[];
  /** Commands that are running beside the processes: steps, hooks. */
  commands: RecordedProcess[];
  /** Where and with what `exec` runs its commands, but for secrets: whoever asks for a command has these. */
  surroundings: { directory: string; env: Record<string, string> } | null;
  /** Optional parts that are not there. */
  lost?: readonly LostPart[];
  exit: { code: number | null; reason: string } | null;
  /** How many bytes of output were cut away. */
  outputBase: number;
}

/** What is recorded; undefined where there is nothing that could be believed. */
export function readRecord(path: string): InstanceRecord | undefined {
  try {
    const record = JSON.parse(readFileSync(path, 'utf8')) as InstanceRecord;
    return record.version === 1 && Array.isArray(record.processes) && Array.isArray(record.commands)
      ? record
      : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Replaces the record as a whole, so that a kill at any moment leaves the old or the new one.
 * Synchronous: it stands between a decision and the act that it records.
 */
export function writeRecord(path: string, record: InstanceRecord): void {
  writeFileSync(`${path}.new`, JSON.stringify(record), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}
