import { isReserved } from '../deployment/given-names.ts';
import { baseArtifactFaults } from './app-file/base-artifacts.ts';
import { at, describeIssue, fault } from './app-file/faults.ts';
import { persistFaults } from './app-file/persist.ts';
import { APP_FILE, AppFile } from './app-file/schema.ts';
import { KNOWN_NAMES, unknownReference } from './environment.ts';
import { readInTree } from './tree-files.ts';
import { parseYaml, type YamlSource } from './yaml-source.ts';

const MAX_APP_FILE_BYTES = 256 * 1024;

/** Keys that are known and have no effect in this version: refused, for an ignored one would be a surprise. */
const NOT_YET = ['resources', 'idle_after', 'hooks'] as const;
const COMMAND_ONLY = ['setup_inputs', 'setup_outputs', 'start', 'health'] as const;
const DAGSTER_ONLY = [
  'locations',
  'python',
  'daemon',
  'max_concurrent_runs',
  'drain',
  'dagster_yaml',
  'changes',
] as const;

/**
 * Reads the app file of a folder; undefined where there is none.
 *
 * @param handed names of the variables that the job hands over: `env` may use them
 * @throws ProblemError 422 with every fault of the file, each with its line
 */
export async function readAppFile(
  tree: string,
  directory: string,
  handed: readonly string[] = [],
): Promise<AppFile | undefined> {
  const file = directory === '.' ? APP_FILE : `${directory}/${APP_FILE}`;
  const text = await readInTree(tree, file, { maxBytes: MAX_APP_FILE_BYTES });
  return text === undefined ? undefined : parseAppFile(text, file, handed);
}

/** Checks the text of an app file; `file` is its path, for messages. */
export function parseAppFile(text: string, file: string, handed: readonly string[] = []): AppFile {
  const source = parseYaml(text);
  if (!('value' in source)) throw fault(file, [`${at(source.line)}${source.message}`]);
  const value = keepSpelling(source);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw fault(file, ['the file holds no keys. The smallest one is:  start: <command that starts the app>']);
  }
  const parsed = AppFile.safeParse(value);
  if (!parsed.success)
    throw fault(
      file,
      parsed.error.issues.flatMap((issue) => describeIssue(issue, source)),
    );
  const faults = checkMeaning(parsed.data, handed).map(
    ({ key, message }) => `${at(source.lineOf(key))}${key.join('.')}: ${message}`,
  );
  if (faults.length > 0) throw fault(file, faults);
  return parsed.data;
}

/** YAML reads `3.10` as 3.1 and `1e3` as 1000: for versions and variables what counts is what is written. */
function keepSpelling(source: YamlSource): unknown {
  const { value } = source;
  if (typeof value !== 'object' || value === null) return value;
  const file = { ...value } as Record<string, unknown>;
  const spell = (holder: Record<string, unknown>, key: string, at: readonly PropertyKey[]): void => {
    if (typeof holder[key] === 'number') holder[key] = source.textOf(at) ?? String(holder[key]);
  };
  spell(file, 'python', ['python']);
  if (Array.isArray(file.locations)) {
    file.locations.forEach((one: unknown, index) => {
      if (typeof one === 'object' && one !== null)
        spell(one as Record<string, unknown>, 'python', ['locations', index, 'python']);
    });
  }
  if (typeof file.env === 'object' && file.env !== null) {
    const env = { ...file.env } as Record<string, unknown>;
    for (const key of Object.keys(env)) spell(env, key, ['env', key]);
    file.env = env;
  }
  return file;
}

interface KeyFault {
  readonly key: readonly string[];
  readonly message: string;
}

function checkMeaning(file: AppFile, handed: readonly string[]): KeyFault[] {
  const known = [...KNOWN_NAMES, ...handed];
  const faults: KeyFault[] = NOT_YET.filter((key) => file[key] !== undefined).map((key) => ({
    key: [key],
    message: 'not yet: this version of the service knows the key, but cannot do it. Remove it',
  }));
  if (file.daemon === 'none' && file.max_concurrent_runs !== undefined) {
    faults.push({
      key: ['max_concurrent_runs'],
      message: 'needs a daemon, which runs the queue: say daemon: runs, or remove it',
    });
  }
  const preset = presetOf(file);
  const foreign = preset === 'command' ? DAGSTER_ONLY : preset === 'dagster' ? COMMAND_ONLY : [];
  for (const key of foreign) {
    if (file[key] === undefined) continue;
    faults.push({
      key: [key],
      message: `has no meaning for the preset ${preset}${file.preset ? '' : ' (which follows from the other keys)'}. Remove it`,
    });
  }
  if (preset === 'command' && file.start === undefined) {
    faults.push({
      key: ['preset'],
      message: 'the preset command needs the key start: the command that starts the app on HOST and PORT',
    });
  }
  for (const { index, message } of persistFaults(file.persist ?? []))
    faults.push({ key: ['persist', String(index)], message });
  for (const { index, message } of baseArtifactFaults(file.changes?.base_artifacts ?? []))
    faults.push({ key: ['changes', 'base_artifacts', String(index)], message });
  const names = (file.locations ?? []).map((one) => one.name);
  for (const [index, name] of names.entries()) {
    if (names.indexOf(name) < index)
      faults.push({ key: ['locations', String(index), 'name'], message: `"${name}" is the name of two locations` });
  }
  for (const [name, value] of Object.entries(file.env ?? {})) {
    if (isReserved(name)) faults.push({ key: ['env', name], message: 'is given by the service and cannot be set' });
    const unknown = unknownReference(String(value), known);
    if (unknown !== undefined)
      faults.push({
        key: ['env', name],
        message: `\${${unknown}} is not known. Known are ${known.join(', ')}, and what the component's input "variables" names`,
      });
  }
  return faults;
}

/** The preset that a file asks for; undefined where it leaves that to recognition. */
export function presetOf(file: AppFile): AppFile['preset'] {
  return file.preset ?? (file.start !== undefined ? 'command' : file.locations !== undefined ? 'dagster' : undefined);
}
