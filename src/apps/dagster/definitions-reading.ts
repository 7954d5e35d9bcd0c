import { join, resolve } from 'node:path';
import { deflateSync } from 'node:zlib';
import type { DagsterLocation, DagsterSpec } from '../../deployment/app-spec.ts';
import type { Place, Step } from '../../deployment/launch.ts';
import { type AppValues, appValues } from '../app-values.ts';
import type { DefinitionsReader, Reading } from '../preset.ts';
import { baseFilesStep, dropBaseFilesStep, withBaseFolder } from './base-files.ts';
import { groundOfBase, placeOfBase } from './base-ground.ts';
import { codeEnvironment } from './code-server.ts';
import { dagsterHome } from './instance-files.ts';
import { environmentFolder, type LocationTools, setupEnvironment } from './location-steps.ts';
import { probeArguments } from './probe-arguments.ts';
import { quote } from './quote.ts';

/** What a reading may take of memory, in KiB (RLIMIT_DATA): a project that needs more is not read, and nothing else suffers. */
const MEMORY_KIB = 4 * 1024 * 1024;
/** Commands that would change the environment that the branch's own code runs in. */
const INSTALLS =
  /\b(uv\s+(sync|add|remove|pip)|pip3?\s+install|poetry\s+(install|add|update)|pdm\s+(install|sync|add))\b/;
/** Import paths of the branch's tree, as paths of another one: what the environment has installed from the tree is found in that one. */
const OTHER_PATHS = `
import os, sys
branch, other = sys.argv[1:]
paths = list(sys.path)
for name, module in list(sys.modules.items()):
    if name.startswith("__editable__"):
        paths += [os.path.dirname(path) for path in getattr(module, "MAPPING", {}).values()]
own = [p for p in map(os.path.realpath, paths) if (p + os.sep).startswith(branch + os.sep) and not p.startswith(os.path.realpath(sys.prefix))]
print(os.pathsep.join(dict.fromkeys(os.path.join(other, os.path.relpath(p, branch)) for p in own)))`;
/** Unpacks the program into the folder that it is started in. */
const UNPACK = `
import base64, json, sys, zlib
for name, text in json.loads(zlib.decompress(base64.b64decode(sys.argv[2]))).items():
    with open(sys.argv[1] + "/" + name, "w", encoding="utf-8") as file:
        file.write(text)`;

/**
 * Reads definitions with each location's own interpreter, in the environment that its code server has. The program lies where no branch can
 * change it.
 */
export function createDefinitionsReader(tools: LocationTools): DefinitionsReader<DagsterSpec> {
  return {
    locations: (spec) => spec.locations.map(({ name }) => name),
    keep: baseFilesStep,
    dropKept: dropBaseFilesStep,
    plan(spec, given, reading) {
      const { place, base } = reading;
      const location = locationOf(spec, reading.location);
      const target = base ? locationOf(base.spec, base.location) : location;
      const what = { spec, location, target, reading };
      const own = { ...spec, dotenv: { ...spec.dotenv, ...location.dotenv } };
      const program = join(place.shared, 'dagster-probe', reading.program.release);
      const seen = base ? placeOfBase(place, base.tree) : place;
      const around = { place, tools, dagsterHome: dagsterHome(seen) };
      const steps = [programStep(reading.program, { program, python: pythonOf(location, place), place })];
      if (base && target.prepare !== undefined) {
        const values = appValues(own, withBaseFolder(spec, given, undefined), { place: seen, isSetup: true });
        steps.push(prepareStep(what, { ...around, values }));
      }
      const values = appValues(own, withBaseFolder(spec, given, place), { place: seen });
      steps.push(readStep(what, { ...around, values, program, seen }));
      return steps;
    },
  };
}

interface What {
  /** The branch's. */
  readonly spec: DagsterSpec;
  /** Whose environment reads. */
  readonly location: DagsterLocation;
  /** What is read. */
  readonly target: DagsterLocation;
  readonly reading: Reading<DagsterSpec>;
}

interface Around {
  readonly place: Place;
  readonly tools: LocationTools;
  readonly dagsterHome: string;
  readonly values: AppValues;
}

function programStep({ files }: Reading['program'], at: { program: string; python: string; place: Place }): Step {
  const packed = deflateSync(JSON.stringify(files)).toString('base64');
  const words = [at.python, '-I', '-c', UNPACK, at.program, packed];
  return {
    name: "the service's program that reads definitions",
    directory: at.place.shared,
    command: words.map(quote).join(' '),
    env: {},
    makesShared: { path: at.program },
  };
}

/** What is made for every revision (a dbt manifest), for the base: by the branch's environment, from the base's files. */
function prepareStep(
  { spec, location, target, reading }: What,
  { place, tools, dagsterHome: home, values }: Around,
): Step {
  const { tree } = reading.base as NonNullable<What['reading']['base']>;
  const prepare = target.prepare as string;
  if (INSTALLS.test(prepare))
    throw new Error('its prepare installs packages, which would change the environment that the branch runs in');
  const python = pythonOf(location, place);
  const paths = [python, '-c', OTHER_PATHS, place.tree, tree].map(quote).join(' ');
  return {
    name: `prepare of ${target.name}, base`,
    directory: resolve(tree, target.directory),
    command: [
      groundOf(spec, reading),
      // In a folder where nothing of the project's is found by chance.
      `paths=$(cd / && ${paths}) || exit`,
      `[ -z "$paths" ] || export PYTHONPATH="$paths\${PYTHONPATH:+:$PYTHONPATH}"`,
      prepare,
    ].join('\n'),
    env: {
      ...setupEnvironment(location, place, { tools, values, dagsterHome: home }),
      // `uv run` would install the base over the branch.
      UV_NO_SYNC: '1',
    },
    secret: values.secret,
  };
}

function readStep(
  { spec, location, target, reading }: What,
  {
    place,
    tools,
    dagsterHome: home,
    program,
    values,
    seen,
  }: Around & { readonly program: string; readonly seen: Place },
): Step {
  const tree = reading.base?.tree ?? place.tree;
  const words = [
    ...[pythonOf(location, place), program],
    ...(reading.base ? ['--instead', place.tree] : []),
    // A base is told its branch's folder as well, for the files of base_artifacts.
    ...[...new Set([seen.data, place.data])].flatMap((folder) => ['--data', folder]),
    ...probeArguments(target, tree),
  ];
  return {
    name: `definitions of ${target.name}${reading.base ? ', base' : ''}`,
    directory: resolve(tree, target.startIn ?? target.directory),
    command: [
      groundOf(spec, reading),
      `ulimit -d ${MEMORY_KIB} 2>/dev/null`,
      'umask 077',
      'out="$TMPDIR/definitions.$$"',
      `trap 'rm -f -- "$out" "$out.log"' EXIT`,
      // Behind everything that people wait for.
      `nice -n 10 ${words.map(quote).join(' ')} --output "$out" > "$out.log" 2>&1`,
      'code=$?',
      'if [ -s "$out" ]; then cat -- "$out"; exit 0; fi',
      'tail -n 1 -- "$out.log"',
      '[ "$code" != 0 ] || code=1',
      'exit "$code"',
    ].join('\n'),
    env: codeEnvironment(location, place, { tools, values, dagsterHome: home }),
    secret: values.secret,
  };
}

/** What must be there before a step. */
const groundOf = (spec: DagsterSpec, { place, base }: Reading<DagsterSpec>): string =>
  base ? groundOfBase(spec, { place, base }) : ':';

const pythonOf = (location: DagsterLocation, place: Place): string =>
  join(environmentFolder(location, place), 'bin', 'python');

function locationOf(spec: DagsterSpec, name: string): DagsterLocation {
  const found = spec.locations.find((one) => one.name === name);
  if (!found) throw new Error(`there is no location ${name}`);
  return found;
}
