import { dirname } from 'node:path';
import { expandValues, KNOWN_NAMES } from '../apps/environment.ts';
import { recognise } from '../apps/recognise.ts';
import { changedLocks } from '../changes/changed-locks.ts';
import { compareDefinitions } from '../changes/compare.ts';
import { compareTexts } from '../changes/differences.ts';
import { nameInBranch, underNamesOfBranch } from '../changes/rename-locations.ts';
import { definitionsOf, type Snapshot } from '../changes/snapshot.ts';
import type { DagsterLocation, DagsterSpec } from '../deployment/app-spec.ts';
import type { Changes } from '../deployment/changes.ts';
import { messageOf } from '../errors.ts';
import { findPython } from './find-python.ts';
import { probeFolder } from './probe-folder.ts';

/** What is compared, and the interpreter that reads both where one was named: absolute paths. */
export interface FolderComparison {
  readonly base: string;
  readonly branch: string;
  readonly python: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** What is different, or why that cannot be told: lines, each of which begins with the side. */
export type ComparedFolders =
  | {
      readonly changes: Changes;
      /** Paths of lock files that differ. */
      readonly locks: readonly string[];
      /** What of the two the fingerprints of sources do not see. */
      readonly gaps: readonly string[];
    }
  | { readonly failures: readonly string[] };

type Loaded = Extract<Snapshot, { status: 'loaded' }>;
type Side = 'base' | 'branch';

/** Compares the Dagster projects of two folders, location by location. Nothing is installed, and nothing is written into them. */
export async function compareFolders(folders: FolderComparison): Promise<ComparedFolders> {
  const [base, branch] = await Promise.all([recogniseSide('base', folders), recogniseSide('branch', folders)]);
  if ('failure' in base || 'failure' in branch) return { failures: [base, branch].flatMap(failuresOf) };
  const { renameLocations, ignoreMetadata } = branch.spec.changes ?? {};
  const names = base.spec.locations.map(({ name }) => [name, name] as const);
  const renamed = underNamesOfBranch(names, renameLocations);
  if ('twice' in renamed)
    return { failures: [`branch: rename_locations gives two of the base's code locations the name ${renamed.twice}.`] };
  const [before, after] = await Promise.all([
    readSide('base', { spec: base.spec, folders }),
    readSide('branch', { spec: branch.spec, folders }),
  ]);
  const failures = [...before.failures, ...after.failures];
  if (failures.length > 0) return { failures };
  const changes = compareDefinitions(
    [...before.loaded].map(([name, snapshot]) => definitionsOf(nameInBranch(name, renameLocations), snapshot)),
    [...after.loaded].map(([name, snapshot]) => definitionsOf(name, snapshot)),
    ignoreMetadata ? { ignoreMetadata } : {},
  );
  return {
    changes,
    locks: changedLocks(before.loaded.values(), after.loaded.values()),
    gaps: [...new Set([...before.loaded.values(), ...after.loaded.values()].flatMap((one) => one.gaps))].sort(
      compareTexts,
    ),
  };
}

const failuresOf = (side: { readonly failure: string } | { readonly spec: DagsterSpec }): string[] =>
  'failure' in side ? [side.failure] : [];

async function recogniseSide(
  side: Side,
  folders: FolderComparison,
): Promise<{ readonly failure: string } | { readonly spec: DagsterSpec }> {
  try {
    // The app file may use what a job would hand over: here, all that is set.
    const variables = Object.keys(folders.env);
    const request = { tree: folders[side], directory: '.', timeoutMs: 0, variables };
    const spec = await recognise(request, { isInstalled: true });
    if (spec.preset === 'dagster') return { spec };
    return { failure: `${side}: ${folders[side]} is no Dagster project: its app file has the preset command.` };
  } catch (error) {
    return { failure: `${side}: ${messageOf(error)}` };
  }
}

interface ReadSide {
  readonly loaded: ReadonlyMap<string, Loaded>;
  readonly failures: readonly string[];
}

/** One location after the other: both sides are read at once, and each takes the memory of a whole project. */
async function readSide(
  side: Side,
  { spec, folders }: { readonly spec: DagsterSpec; readonly folders: FolderComparison },
): Promise<ReadSide> {
  const loaded = new Map<string, Loaded>();
  const failures: string[] = [];
  for (const location of spec.locations) {
    const snapshot = await readLocation(side, { location, spec, folders });
    if (typeof snapshot === 'string') failures.push(`${side}: location ${location.name}: ${snapshot}`);
    else if (snapshot.status === 'loaded') loaded.set(location.name, snapshot);
    else
      failures.push(
        `${side}: location ${location.name} does not load: ${snapshot.reason}\n${snapshot.stack}`.trimEnd(),
      );
  }
  return { loaded, failures };
}

async function readLocation(
  side: Side,
  { location, spec, folders }: { location: DagsterLocation; spec: DagsterSpec; folders: FolderComparison },
): Promise<Snapshot | string> {
  const [tree, other] = side === 'base' ? [folders.base, folders.branch] : [folders.branch, folders.base];
  const { env } = folders;
  const python = folders.python ?? (await findPython(location.directory, [tree, other]));
  if (python === undefined) {
    const from = location.directory === '.' ? '' : ` from ${location.directory} up`;
    return `there is no .venv/bin/python in ${tree} or ${other}${from}. Install the project into one (uv sync), or name an interpreter that has its packages: --python <interpreter>`;
  }
  try {
    return await probeFolder({ location, tree, other, python, env: environmentOf(location, { spec, env, python }) });
  } catch (error) {
    return messageOf(error);
  }
}

/** As a code server has it: `.env` below what is set, the app file above it. What only the service says is as it is set here, or empty. */
function environmentOf(
  location: DagsterLocation,
  { spec, env, python }: { spec: DagsterSpec; env: FolderComparison['env']; python: string },
): Record<string, string | undefined> {
  const set = Object.fromEntries(Object.entries(env).map(([name, value]) => [name, value ?? '']));
  const known = { ...Object.fromEntries(KNOWN_NAMES.map((name) => [name, ''])), ...set };
  const bin = dirname(python);
  return {
    ...spec.dotenv,
    ...location.dotenv,
    ...env,
    ...expandValues(spec.env, known),
    DAGSTER_CLOUD_LOCATION_NAME: location.name,
    VIRTUAL_ENV: dirname(bin),
    PATH: `${bin}:${env.PATH ?? ''}`,
  };
}
