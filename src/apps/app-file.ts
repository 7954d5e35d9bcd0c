import { closest, distance } from 'fastest-levenshtein';
import { z } from 'zod';
import { isReserved } from '../deployment/given-names.ts';
import { durationMs, sizeBytes } from '../deployment/units.ts';
import { ProblemError } from '../errors.ts';
import { KNOWN_NAMES, unknownReference } from './environment.ts';
import { LOCATION_NAME, PYTHON_MODULE, PYTHON_NAME } from './location-names.ts';
import { readInTree } from './tree-files.ts';
import { parseYaml, type YamlSource } from './yaml-source.ts';

/** Name of the app file, in the app's folder. */
export const APP_FILE = '.branch-deployment.yml';

const MAX_APP_FILE_BYTES = 256 * 1024;

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
const AppFile = z.strictObject({
  preset: z.enum(['command', 'dagster']).optional(),
  setup: command.optional().describe('Runs before prepare; its outputs are kept per content of setup_inputs'),
  setup_inputs: z
    .array(path)
    .max(100)
    .optional()
    .describe('Files that decide whether kept outputs can be used again; default: the lock files that are there'),
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
  persist: z.array(path).optional(),
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
  dagster_yaml: path.optional(),
});

/** The content of an app file. */
export type AppFile = z.infer<typeof AppFile>;

/** JSON Schema of the app file, for editors: served at `/schema/branch-deployment.json`. */
export function appFileJsonSchema(): Record<string, unknown> {
  return { ...z.toJSONSchema(AppFile, { target: 'draft-7', io: 'input' }), title: APP_FILE };
}

/** Keys that are known and have no effect in this version: refused, for an ignored one would be a surprise. */
const NOT_YET = ['persist', 'resources', 'idle_after', 'hooks', 'changes', 'dagster_yaml'] as const;
const COMMAND_ONLY = ['setup_inputs', 'setup_outputs', 'start', 'health'] as const;
const DAGSTER_ONLY = ['locations', 'python', 'daemon', 'max_concurrent_runs', 'drain'] as const;

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

function describeIssue(issue: z.core.$ZodIssue, source: YamlSource): string[] {
  const where = issue.path.map(String).join('.');
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      const known = knownKeys(issue.path);
      const nearest = known.length > 0 ? closest(key, known) : '';
      const hint =
        nearest && distance(key, nearest) <= 3 ? `; did you mean "${nearest}"?` : `. Known are ${known.join(', ')}`;
      return `${at(source.lineOf([...issue.path, key]))}${[...issue.path, key].map(String).join('.')}: unknown key${hint}`;
    });
  }
  if (issue.code === 'invalid_union') {
    // The branch that got furthest says most: an unknown key inside a hook, rather than "no branch fits".
    const best = issue.errors.toSorted((a, b) => a.length - b.length)[0] ?? [];
    if (best.length > 0)
      return best.flatMap((inner) => describeIssue({ ...inner, path: [...issue.path, ...inner.path] }, source));
  }
  const message = issue.code === 'invalid_key' ? (issue.issues[0]?.message ?? issue.message) : issue.message;
  return [`${at(source.lineOf(issue.path))}${where}: ${message.replace(/^Invalid (input|option): /, '')}`];
}

/** The keys that an object at a path may have. */
function knownKeys(path: readonly PropertyKey[]): string[] {
  let schema: unknown = AppFile;
  for (const part of [...path, undefined]) {
    while (schema instanceof z.ZodOptional) schema = schema.unwrap();
    if (part === undefined) break;
    if (schema instanceof z.ZodArray) schema = schema.element;
    else if (schema instanceof z.ZodUnion) schema = schema.options.find((one) => one instanceof z.ZodObject);
    else if (schema instanceof z.ZodObject) schema = schema.shape[String(part)];
    else return [];
  }
  if (schema instanceof z.ZodUnion)
    return schema.options.flatMap((one) => (one instanceof z.ZodObject ? Object.keys(one.shape) : []));
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
}

const at = (line: number | undefined): string => (line === undefined ? '' : `line ${line}: `);

function fault(file: string, faults: readonly string[]): ProblemError {
  return new ProblemError('app-file', 422, `${file} cannot be used:\n${faults.map((one) => `  - ${one}`).join('\n')}`);
}
