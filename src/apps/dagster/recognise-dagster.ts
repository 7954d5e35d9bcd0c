import { posix } from 'node:path';
import type { CommonSpec, DagsterLocation, DagsterSpec } from '../../deployment/app-spec.ts';
import { durationMs } from '../../deployment/units.ts';
import { ProblemError } from '../../errors.ts';
import { APP_FILE, type AppFile } from '../app-file/schema.ts';
import { dotenvRemarks, readDotenv } from '../dotenv.ts';
import { resolveInTree } from '../tree-files.ts';
import { checkDeclared } from './check-declared.ts';
import { readDagsterYaml } from './dagster-yaml.ts';
import { findDeclared } from './declared.ts';
import { type DbtTraces, defaultPrepare, findDbt } from './default-prepare.ts';
import { defaultSetup } from './default-setup.ts';
import { findDependencies } from './dependencies.ts';
import { type InstalledPythons, requirePython } from './installed-pythons.ts';
import type { Declared, Found } from './layouts/layout.ts';
import { pythonRequest } from './python-request.ts';

/** What is known of an app before it is known what it is. */
export interface DagsterRequest {
  readonly tree: string;
  readonly file: AppFile | undefined;
  readonly common: CommonSpec;
  readonly passed: readonly string[];
  /** Undefined: what a location asks for is not checked, because uv may download it. */
  readonly pythons: InstalledPythons | undefined;
  /** Its environments are there: nobody asks what to install. `setup` is empty then, unless the app file has one. */
  readonly isInstalled?: boolean;
}

/**
 * The code locations of a folder: the app file's, else those that the project declares for `dg` or Dagster.
 * @returns undefined where there is none and the app file does not ask for Dagster
 */
export async function recogniseDagster(request: DagsterRequest): Promise<DagsterSpec | undefined> {
  const { tree, file, common } = request;
  const found: Found | undefined = file?.locations
    ? {
        why: `${APP_FILE} names ${file.locations.length === 1 ? 'its location' : 'its locations'}`,
        locations: fromAppFile(file.locations, common.directory),
        remarks: [],
      }
    : await findDeclared({ tree, directory: common.directory });
  if (found === undefined) {
    if (file?.preset !== 'dagster') return undefined;
    throw new ProblemError(
      'no-location',
      422,
      `${APP_FILE} asks for the preset dagster, but no code location is declared: add\nlocations:\n  - { name: main, module: my_project.definitions }`,
    );
  }
  await checkDeclared(tree, found);
  const remarks = [`preset dagster: ${found.why}`, ...found.remarks, ...common.remarks];
  remarks.push(DAEMON_REMARKS[file?.daemon ?? 'runs']);
  const locations: DagsterLocation[] = [];
  let dagsterVersion: string | undefined;
  const dbt = await findDbt(tree);
  const others = found.locations.map((one) => one.directory);
  for (const declared of found.locations) {
    const complete = await completeLocation(declared, request, { dbt, others });
    locations.push(complete.location);
    remarks.push(...complete.remarks);
    dagsterVersion = newer(dagsterVersion, complete.dagsterVersion);
  }
  checkEnvironments(locations);
  const own =
    file?.dagster_yaml === undefined ? undefined : await readDagsterYaml(tree, common.directory, file.dagster_yaml);
  remarks.push(...(own?.remarks ?? []));
  return {
    ...common,
    preset: 'dagster',
    locations,
    ...(dagsterVersion ? { dagsterVersion } : {}),
    daemon: file?.daemon ?? 'runs',
    ...(file?.max_concurrent_runs === undefined ? {} : { maxConcurrentRuns: file.max_concurrent_runs }),
    ...(own === undefined ? {} : { dagsterYaml: own.settings }),
    ...changesOf(file),
    ...(file?.drain === undefined ? {} : { drainMs: durationMs(file.drain) as number }),
    remarks,
  };
}

/** What the app file says of comparing. */
function changesOf(file: AppFile | undefined): Pick<DagsterSpec, 'changes'> {
  if (file?.changes === undefined) return {};
  const { compare_with, ignore_metadata, rename_locations, base_artifacts } = file.changes;
  return {
    changes: {
      ...(compare_with === undefined ? {} : { compareWith: compare_with }),
      ...(ignore_metadata === undefined ? {} : { ignoreMetadata: ignore_metadata }),
      ...(rename_locations === undefined ? {} : { renameLocations: rename_locations }),
      ...(base_artifacts === undefined ? {} : { baseArtifacts: base_artifacts }),
    },
  };
}

const DAEMON_REMARKS = {
  runs: 'the daemon runs backfills and the run queue; schedules and sensors do not tick (daemon: all)',
  all: 'the daemon runs all of Dagster: schedules and sensors tick',
  none: 'no daemon: backfills, schedules and sensors wait',
} as const;

function fromAppFile(locations: NonNullable<AppFile['locations']>, directory: string): Declared[] {
  return locations.map((one) => {
    const folder = resolveInTree(directory, one.directory ?? '.');
    if (folder === undefined) {
      throw new ProblemError('app-file', 422, `${APP_FILE}: locations: "${one.directory}" leaves the uploaded folder.`);
    }
    if (one.file !== undefined && resolveInTree(folder, one.file) === undefined) {
      throw new ProblemError('app-file', 422, `${APP_FILE}: locations: "${one.file}" leaves the uploaded folder.`);
    }
    const load: DagsterLocation['load'] = one.module
      ? { kind: 'module', name: one.module }
      : one.file
        ? { kind: 'file', path: one.file }
        : one.package
          ? { kind: 'package', name: one.package }
          : { kind: 'autoload', name: one.autoload as string };
    const { name, attribute, python, setup, prepare } = one;
    return { name, directory: folder, load, optional: one.optional ?? false, attribute, python, setup, prepare };
  });
}

async function completeLocation(
  declared: Declared,
  request: DagsterRequest,
  around: { dbt: DbtTraces; others: readonly string[] },
): Promise<{ location: DagsterLocation; remarks: string[]; dagsterVersion: string | undefined }> {
  const { tree, file, common } = request;
  const { name, directory, load, attribute, startIn, importsFrom } = declared;
  const own = declared.setup ?? file?.setup;
  const dependencies =
    own === undefined && !request.isInstalled
      ? await findDependencies(tree, directory, { top: common.directory })
      : undefined;
  const given = declared.python ?? file?.python;
  // A setup of its own finds its Python by itself.
  const python = dependencies && (await pythonRequest(tree, directory, { given, dependencies }));
  if (python && request.pythons) await requirePython(name, python, { installed: request.pythons });
  const standard = dependencies && defaultSetup(directory, { dependencies, python });
  const lock = dependencies?.kind === 'uv' ? dependencies.file : undefined;
  const remarks = [
    `location ${name}: ${describeLoad(load)} in ${directory === '.' ? 'the root' : directory}, environment by ${standard?.remark ?? `its own setup (${APP_FILE})`}${python ? `, Python ${python.request} (${python.from})` : ''}`,
  ];
  const ownPrepare = declared.prepare ?? file?.prepare;
  const made = ownPrepare === undefined ? await defaultPrepare(tree, directory, around) : undefined;
  if (made) remarks.push(`location ${name}: prepared by ${made.remark}`);
  const prepare = ownPrepare ?? made?.command;
  let dotenv: Readonly<Record<string, string>> | undefined;
  if (directory !== common.directory) {
    const path = posix.join(directory, '.env');
    const read = await readDotenv(tree, path, { passed: request.passed });
    if (read) remarks.push(...dotenvRemarks(path, read));
    dotenv = read?.values;
  }
  const location: DagsterLocation = {
    name,
    directory,
    load,
    ...(attribute === undefined ? {} : { attribute }),
    ...(startIn === undefined ? {} : { startIn }),
    ...(importsFrom === undefined ? {} : { importsFrom }),
    optional: declared.optional,
    ...(python === undefined ? {} : { python: python.request }),
    setup: own ?? standard?.command ?? '',
    ...(lock === undefined ? {} : { lock }),
    ...(prepare === undefined ? {} : { prepare }),
    ...(prepare === undefined || around.dbt.projects.length === 0 ? {} : { dbtProjects: around.dbt.projects }),
    ...(dotenv === undefined ? {} : { dotenv }),
  };
  return { location, remarks, dagsterVersion: dependencies?.dagsterVersion };
}

/** Locations of one folder share its `.venv`. */
function checkEnvironments(locations: readonly DagsterLocation[]): void {
  for (const [index, one] of locations.entries()) {
    const other = locations.slice(0, index).find(({ directory }) => directory === one.directory);
    if (other === undefined || other.setup === one.setup) continue;
    throw new ProblemError(
      'one-environment',
      422,
      `Locations ${other.name} and ${one.name} share the folder "${one.directory}" and so its environment, but have different setups. Give them the same setup and python, or a folder each.`,
    );
  }
}

function describeLoad(load: DagsterLocation['load']): string {
  return load.kind === 'file' ? `file ${load.path}` : `${load.kind} ${load.name}`;
}

/** The higher of two versions; a pre-release counts as its release. */
export function newer(a: string | undefined, b: string | undefined): string | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  const parts = (version: string): number[] => version.split('.').map((part) => Number.parseInt(part, 10) || 0);
  const [left, right] = [parts(a), parts(b)];
  for (let index = 0; index < Math.max(left.length, right.length); index++) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0);
    if (difference !== 0) return difference > 0 ? a : b;
  }
  return a;
}
