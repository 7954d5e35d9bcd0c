import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { compareDefinitions } from '../../src/changes/compare.ts';
import { definitionsOf, readSnapshot } from '../../src/changes/snapshot.ts';
import { SHIPPED } from '../../src/shipped-files.ts';
import { dbtEnvironment } from '../support/surroundings.ts';
import { openDoorBefore } from './changes/front-door.ts';
import { writeProject } from './changes/project.ts';
import { type Figure, median } from './report.ts';

const ANSWER_BYTES = 5 * 1024 * 1024;
const SIDES = ['base', 'branch'] as const;

/**
 * 10,000 assets with 30,000 edges, of which 5 % differ: the probe beside a code server's loading of the same definitions, our comparison
 * beside Dagster's own over the same graphs, and what filling badges adds to an answer of 5 MB.
 */
export async function benchChanges({ quick }: { readonly quick: boolean }): Promise<readonly Figure[]> {
  const assets = quick ? 200 : 10_000;
  const rounds = quick ? 1 : 5;
  const folder = mkdtempSync(join(tmpdir(), 'bd-bench-changes-'));
  try {
    const python = join(dbtEnvironment('uv', join(folder, 'environment')), 'bin', 'python');
    for (const side of SIDES) writeProject(join(folder, side), assets, side);
    const loading = await timeLoading(python, folder, rounds);
    const comparison = await timeComparison(python, folder, quick ? 1 : 15);
    const added = await timeBadges(folder, quick ? 1 : 15);
    return [...loading, ...comparison, ...added];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Whole processes, Python's start and Dagster's import included on both sides. */
async function timeLoading(python: string, folder: string, rounds: number): Promise<Figure[]> {
  const load = (side: string) =>
    timeRun(python, [script('load_location.py'), join(folder, side), join(folder, `${side}-sent.json`)], folder);
  const probe = (side: string) =>
    timeRun(
      python,
      [SHIPPED.probe, '--output', snapshotFile(folder, side), '-m', 'definitions', '-d', join(folder, side)],
      folder,
    );
  // The base is only made, without the clock; this also compiles what is imported.
  await load('base');
  await probe('base');
  const times: Array<{ probe: number; load: number }> = [];
  for (let round = 0; round < rounds; round += 1)
    times.push({ load: await load('branch'), probe: await probe('branch') });
  return [
    { name: 'probe', value: median(times.map((one) => one.probe)), unit: 'ms' },
    { name: 'loading', value: median(times.map((one) => one.load)), unit: 'ms' },
    { name: 'probe-ratio', value: median(times.map((one) => one.probe / one.load)), unit: '', goal: { atMost: 2 } },
  ];
}

async function timeComparison(python: string, folder: string, rounds: number): Promise<Figure[]> {
  const differ = await startDiffer(python, folder);
  try {
    // V8 compiles what it has run some times; Python never does.
    const compiled = sidesOf(folder);
    for (let round = 0; round < rounds; round += 1) compareDefinitions([compiled[0]], [compiled[1]]);
    const times: Array<{ ours: number; dagsters: number }> = [];
    for (let round = 0; round < rounds; round += 1) {
      const [dagsters, differing] = await differ.next();
      // Read anew, as Dagster's graphs are built anew: neither side compares what it has compared before.
      const [base, branch] = sidesOf(folder);
      const began = performance.now();
      const { assets } = compareDefinitions([base], [branch], { ignoreMetadata: [] });
      const ours = performance.now() - began;
      if (assets.length !== differing) throw new Error(`${assets.length} differ for us, ${differing} for Dagster`);
      times.push({ ours, dagsters });
    }
    return [
      { name: 'comparison-ms', value: median(times.map((one) => one.ours)), unit: 'ms' },
      { name: 'differ-ms', value: median(times.map((one) => one.dagsters)), unit: 'ms' },
      {
        name: 'comparison',
        value: median(times.map((one) => one.dagsters / one.ours)),
        unit: 'x',
        goal: { atLeast: 20 },
      },
    ];
  } finally {
    differ.end();
  }
}

async function timeBadges(folder: string, rounds: number): Promise<Figure[]> {
  const [base, branch] = sidesOf(folder);
  const door = await openDoorBefore({ changes: compareDefinitions([base], [branch]), bytes: ANSWER_BYTES });
  try {
    const added: number[] = [];
    for (let round = 0; round < rounds + 1; round += 1) {
      const without = await door.time('as it is');
      const filled = await door.time('filled');
      if (round > 0) added.push(filled - without);
    }
    return [{ name: 'badges-added', value: median(added), unit: 'ms', goal: { atMost: 100 } }];
  } finally {
    await door.close();
  }
}

function sidesOf(folder: string) {
  const [base, branch] = SIDES.map((side) => {
    const snapshot = readSnapshot(readFileSync(snapshotFile(folder, side), 'utf8'));
    if (snapshot.status === 'failed') throw new Error(snapshot.stack);
    return definitionsOf('project', snapshot);
  });
  return [base, branch] as [NonNullable<typeof base>, NonNullable<typeof branch>];
}

const snapshotFile = (folder: string, side: string) => join(folder, `${side}-snapshot.json`);
const script = (name: string) => fileURLToPath(new URL(`./changes/${name}`, import.meta.url));

function environment(folder: string): NodeJS.ProcessEnv {
  return { ...process.env, DAGSTER_HOME: folder, PYTHONWARNINGS: 'ignore', PYTHONHASHSEED: '0' };
}

async function timeRun(program: string, args: readonly string[], folder: string): Promise<number> {
  const began = performance.now();
  await promisify(execFile)(program, args, { env: environment(folder), maxBuffer: 64 * 1024 * 1024 });
  return performance.now() - began;
}

/** Dagster's comparison, loaded and waiting: each `next` is one round of it, in ms, with how many assets differ. */
async function startDiffer(python: string, folder: string) {
  const child: ChildProcess = spawn(
    python,
    [script('time_differ.py'), ...SIDES.map((side) => join(folder, `${side}-sent.json`))],
    { env: environment(folder), stdio: ['pipe', 'pipe', 'inherit'] },
  );
  if (!child.stdout) throw new Error('the program has no output');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const line = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error('the program has ended');
    return value as string;
  };
  await line();
  return {
    async next(): Promise<[ms: number, differing: number]> {
      child.stdin?.write('\n');
      const [ms, differing] = (await line()).split(' ').map(Number);
      return [ms as number, differing as number];
    },
    end: () => child.kill(),
  };
}
