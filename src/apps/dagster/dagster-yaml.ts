import { at, describeIssue, fault } from '../app-file/faults.ts';
import { APP_FILE } from '../app-file/schema.ts';
import { readInTree, resolveInTree } from '../tree-files.ts';
import { parseYaml } from '../yaml-source.ts';
import { TakenOver } from './dagster-yaml-schema.ts';

const MAX_BYTES = 64 * 1024;
const MAX_NAMES = 30;

/** What a branch brings of its own `dagster.yaml`. */
export interface ReadDagsterYaml {
  readonly settings: TakenOver;
  readonly remarks: readonly string[];
}

/**
 * Reads the `dagster.yaml` that the app file names. Limits, log levels and timeouts are taken over; whatever says where runs, events and
 * logs are kept or who launches them is the deployment's own, or a branch would write into production's.
 *
 * @param named path in the app file, relative to its folder
 * @throws ProblemError 422 with every fault, each with its line
 */
export async function readDagsterYaml(tree: string, directory: string, named: string): Promise<ReadDagsterYaml> {
  const path = resolveInTree(directory, named);
  if (path === undefined) throw fault(APP_FILE, [`dagster_yaml: "${named}" leaves the uploaded folder`]);
  const text = await readInTree(tree, path, { maxBytes: MAX_BYTES });
  if (text === undefined) throw fault(APP_FILE, [`dagster_yaml: there is no file "${path}" in what was uploaded`]);
  // Dagster reads it with PyYAML, for which "yes" is true.
  const source = parseYaml(text, { version: '1.1' });
  if (!('value' in source)) throw fault(path, [`${at(source.line)}${source.message}`]);
  const value = source.value ?? {};
  if (typeof value !== 'object' || Array.isArray(value)) throw fault(path, ['the file holds no keys']);
  const parsed = TakenOver.safeParse(value);
  if (!parsed.success)
    throw fault(
      path,
      parsed.error.issues.flatMap((issue) => describeIssue(issue, source, TakenOver)),
    );
  return takeOver(path, parsed.data, Object.keys(value));
}

function takeOver(path: string, found: TakenOver, keys: readonly string[]): ReadDagsterYaml {
  const taken = keys.filter((key) => Object.hasOwn(found, key));
  const left = keys.filter((key) => !Object.hasOwn(found, key));
  const remarks = [`${path}: ${taken.length > 0 ? `${taken.join(', ')} taken over` : 'holds nothing to take over'}`];
  if (left.length > 0) {
    const names = left.slice(0, MAX_NAMES).map((name) => JSON.stringify(name.slice(0, 60)).slice(1, -1));
    const more = left.length > MAX_NAMES ? ` and ${left.length - MAX_NAMES} more` : '';
    remarks.push(
      `${path}: left out are ${names.join(', ')}${more}: storage, logs, launcher, coordinator and whatever else is not named above are the deployment's own`,
    );
  }
  const limits = left.filter((key) => key === 'run_coordinator' || key === 'run_queue');
  if (limits.length > 0)
    remarks.push(`${path}: limits of ${limits.join(' and ')} are taken over where they stand in concurrency.runs`);
  if (found.run_monitoring?.enabled === false)
    remarks.push(`${path}: run_monitoring stays enabled: it ends runs that would be under way for ever`);
  const { max_resume_run_attempts: resumes, ...monitoring } = found.run_monitoring ?? {};
  if (!resumes) return { settings: found, remarks };
  remarks.push(
    `${path}: run_monitoring.max_resume_run_attempts is left out: a run is a child of its code server, and cannot be resumed`,
  );
  return { settings: { ...found, run_monitoring: monitoring }, remarks };
}
