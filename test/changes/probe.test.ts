import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { changedLocks } from '../../src/changes/changed-locks.ts';
import { compareDefinitions } from '../../src/changes/compare.ts';
import { definitionsOf, readSnapshot, type Snapshot } from '../../src/changes/snapshot.ts';
import { SHIPPED } from '../../src/shipped-files.ts';
import { dbtEnvironment } from '../support/surroundings.ts';

const run = promisify(execFile);
const fixtures = fileURLToPath(new URL('./fixtures', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'bd-probe-'));

interface Case {
  readonly name: string;
  readonly marked: readonly string[];
  readonly base: unknown;
  readonly branch: unknown;
}

/** Fingerprints as Python 3.11 and 3.13 gave them: a change of one of them marks every asset that it is of, once. */
const recorded = JSON.parse(readFileSync(join(fixtures, 'fingerprints.json'), 'utf8')) as Record<string, string>;

let python: string;
let cases: ReadonlyMap<string, Case>;

beforeAll(async () => {
  python = join(dbtEnvironment('uv', join(folder, 'environment')), 'bin', 'python');
  cases = await runCases(python, 'cases', ['components', 'dbt']);
}, 300_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs all cases that need no more than these features, below a folder of that name. */
async function runCases(
  interpreter: string,
  name: string,
  features: readonly string[],
): Promise<ReadonlyMap<string, Case>> {
  const into = join(folder, name);
  mkdirSync(into);
  const argv = [join(fixtures, 'run_cases.py'), SHIPPED.probe, into, ...features];
  const { stdout } = await run(interpreter, argv, { maxBuffer: 64 * 1024 * 1024 });
  const { cases: found } = JSON.parse(stdout) as { cases: readonly Case[] };
  return new Map(found.map((one) => [one.name, one]));
}

/** A side of a case, read as the service reads it. */
function loaded(value: unknown): Extract<Snapshot, { status: 'loaded' }> {
  const snapshot = readSnapshot(JSON.stringify(value));
  if (snapshot.status === 'failed') throw new Error(snapshot.stack);
  return snapshot;
}

/** Runs the probe as its own program. */
async function probe(files: Readonly<Record<string, string>>, ...load: readonly string[]) {
  const project = mkdtempSync(join(folder, 'project-'));
  for (const [path, text] of Object.entries(files)) writeFileSync(join(project, path), text);
  const output = join(project, 'snapshot.json');
  const argv = [SHIPPED.probe, '--output', output, '-d', project, ...load];
  const ended = await run(python, argv).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    (error: { code: number; stdout: string; stderr: string }) => error,
  );
  return { ...ended, snapshot: existsSync(output) ? readSnapshot(readFileSync(output, 'utf8')) : undefined };
}

describe('the probe', () => {
  it('marks what each edit of the table must mark, and nothing else', () => {
    const wrong = [...cases.values()].flatMap(({ name, marked, base, branch }) => {
      const changes = compareDefinitions(
        [definitionsOf('project', loaded(base))],
        [definitionsOf('project', loaded(branch))],
      );
      const found = changes.assets.filter(({ reasons }) => reasons.includes('SOURCE')).map(({ key }) => key);
      return JSON.stringify(found) === JSON.stringify(marked) ? [] : [`${name}: ${found} instead of ${marked}`];
    });

    expect(wrong).toEqual([]);
    expect(cases.size).toBe(Object.keys(recorded).length);
    expect(cases.size).toBeGreaterThanOrEqual(27 + 25);
  });

  it('reads every asset of every case whole', () => {
    const errors = [...cases.values()].flatMap(({ name, base, branch }) =>
      [base, branch].flatMap((side) =>
        loaded(side).assets.flatMap(({ key, error, source }) =>
          error === null && source !== null ? [] : [`${name}: ${key}: ${error}`],
        ),
      ),
    );

    expect(errors).toEqual([]);
    const gaps = [...cases.values()].flatMap(({ base, branch }) => [...loaded(base).gaps, ...loaded(branch).gaps]);
    expect(new Set(gaps)).toEqual(new Set(['no source of low']));
  });

  it('gives the recorded fingerprints', () => {
    expect(differing(cases)).toEqual([]);
  });

  it('gives them with another Python too', { timeout: 300_000 }, async () => {
    // CI makes one; who has none at hand runs them twice with the first.
    const second = process.env.BD_TEST_SECOND_PYTHON;
    if (process.env.CI) expect(second, 'CI must have a second Python').toBeDefined();

    const found = await runCases(second ?? python, 'second', ['components']);

    expect(differing(found)).toEqual([]);
    expect(found.size).toBeGreaterThan(cases.size / 2);
    const versions = [cases, found].map((one) => loaded(one.get(SIMPLE)?.base).python.replace(/\.\d+$/, ''));
    if (second !== undefined) expect(versions[0]).not.toBe(versions[1]);
  });

  it('marks one stream of Sling, although the library makes code version and metadata of the whole file', () => {
    const sling = cases.get('Sling: one stream') as Case;
    const { assets } = compareDefinitions(
      [definitionsOf('project', loaded(sling.base))],
      [definitionsOf('project', loaded(sling.branch))],
    );

    expect(loaded(sling.base).assets.map(({ codeVersion }) => codeVersion)).not.toEqual(
      loaded(sling.branch).assets.map(({ codeVersion }) => codeVersion),
    );
    expect(assets.map(({ key, reasons }) => [key, reasons])).toEqual([['public/b', ['SOURCE']]]);
  });

  it("takes no model's SQL for its description, where dagster-dbt shows it", () => {
    const model = [...cases.values()].filter(({ name }) => name.startsWith('dbt: '));
    const also = model.flatMap(({ base, branch }) => {
      const sides = [base, branch].map((side) => [definitionsOf('project', loaded(side))]);
      const { assets } = compareDefinitions(sides[0] ?? [], sides[1] ?? []);
      return assets.flatMap((one) => one.also);
    });

    expect(also).toEqual([]);
    expect(loaded(model[0]?.base).assets.map(({ description }) => description)).toContain('dbt model b');
  });

  it('says a changed lock file once', () => {
    const { base, branch } = cases.get('a lock file') as Case;

    expect(loaded(base).locks['uv.lock']).toMatch(/^[0-9a-f]{64}$/);
    expect(loaded(branch).locks).not.toEqual(loaded(base).locks);
    const dbt = cases.get('dbt: a lock file') as Case;
    expect(changedLocks([loaded(dbt.base)], [loaded(dbt.branch)])).toEqual(['shop/package-lock.yml']);
  });

  it('reads definitions exactly, and keeps what the project prints out of them', async () => {
    const { code, stdout, stderr, snapshot } = await probe({ 'defs.py': RICH }, '-f', 'defs.py');

    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    expect(stderr).toContain('printed by the project');
    const { assets, ...rest } = snapshot as Extract<Snapshot, { status: 'loaded' }>;
    expect(rest).toMatchObject({
      jobs: ['job'],
      schedules: ['nightly'],
      sensors: ['default_automation_condition_sensor', 'watch'],
      locks: {},
      gaps: [],
    });
    const [odd, raw, orders] = assets;
    expect([odd?.key, raw?.key, orders?.key]).toEqual(['odd', 'raw', 'shop/orders']);
    expect(orders).toMatchObject({
      dependencies: [{ key: 'elsewhere', partitionMapping: null }, { key: 'raw' }],
      tags: { team: 'red', 'dagster/kind/sql': '' },
      kinds: ['sql'],
      codeVersion: '7',
      group: 'sales',
      owners: ['team:red'],
      description: 'All orders.',
      checks: ['has_rows'],
      isExternal: false,
      error: null,
    });
    expect(orders?.dependencies[1]?.partitionMapping).toContain('-1');
    expect(orders?.partitions?.text).toContain('Daily');
    expect(orders?.partitions?.value).toContain('"cron_schedule": "0 0 * * *"');
    expect(orders?.automationCondition).toContain('eager');
    expect(orders?.metadata).toMatchObject({ rows: expect.stringContaining('12') });
    expect(orders?.metadata.at).toContain('<root>');
    expect(raw).toMatchObject({ isExternal: true, partitions: { text: orders?.partitions?.text } });
    // One asset's trouble stays its own.
    expect(odd).toMatchObject({ metadata: {}, error: 'metadata: RuntimeError: no path' });
    expect(odd?.source).toMatch(/^[0-9a-f]{32}$/);
  });

  it('says why a location does not load', async () => {
    const broken = await probe({ 'broken.py': 'import no_such_package\n' }, '-m', 'broken');
    const leaving = await probe({ 'leaving.py': 'import sys\nsys.exit("enough")\n' }, '-m', 'leaving');

    expect([broken.code, leaving.code]).toEqual([1, 1]);
    expect(broken.snapshot).toMatchObject({
      status: 'failed',
      reason: expect.stringContaining("No module named 'no_such_package'"),
      stack: expect.stringContaining('broken.py'),
    });
    expect(leaving.snapshot).toMatchObject({ status: 'failed', reason: 'SystemExit: enough' });
  });

  it('is believed only where it wrote a snapshot of this version', () => {
    expect(() => readSnapshot('{"version": 1, "sta')).toThrow('The probe wrote no JSON.');
    expect(() => readSnapshot('{"version": 2, "status": "loaded"}')).toThrow('something else than a snapshot: version');
    expect(() => readSnapshot('{"version": 1, "status": "failed", "reason": 5}')).toThrow('reason: ');
  });
});

/** The first case of the table. */
const SIMPLE = '01 global helper fn (control)';

/** Names of cases whose fingerprints are not the recorded ones. */
function differing(found: ReadonlyMap<string, Case>): string[] {
  return [...found.values()].filter((one) => fingerprintsOf(one) !== recorded[one.name]).map(({ name }) => name);
}

function fingerprintsOf({ base, branch }: Case): string {
  return [base, branch]
    .map((side) => loaded(side).assets.map(({ key, source }) => `${key} ${source?.slice(0, 8)}`))
    .join(' / ');
}

const RICH = `
import os, threading, time
import dagster as dg

print("printed by the project")
# Would keep the process alive.
threading.Thread(target=time.sleep, args=(600,)).start()

class Odd(os.PathLike):
    known = True
    def __fspath__(self):
        if self.known: return "there"
        raise RuntimeError("no path")

daily = dg.DailyPartitionsDefinition("2024-01-01", timezone="Europe/Berlin")
raw = dg.AssetSpec("raw", partitions_def=daily)

@dg.asset(
    key=["shop", "orders"],
    deps=[
        dg.AssetDep("raw", partition_mapping=dg.TimeWindowPartitionMapping(start_offset=-1, end_offset=-1)),
        dg.AssetDep("elsewhere"),
    ],
    partitions_def=daily, tags={"team": "red"}, kinds={"sql"}, code_version="7", group_name="sales", owners=["team:red"],
    metadata={"rows": 12, "at": os.path.join(os.getcwd(), "x")}, automation_condition=dg.AutomationCondition.eager(),
)
def orders():
    """All orders."""

@dg.asset(metadata={"at": Odd()})
def odd(): return 1

orders_check = dg.asset_check(asset=orders, name="has_rows")(lambda: dg.AssetCheckResult(passed=True))
job = dg.define_asset_job("job", [odd])

@dg.sensor(job=job)
def watch(): pass

defs = dg.Definitions(
    assets=[orders, odd, raw], asset_checks=[orders_check], jobs=[job], sensors=[watch],
    schedules=[dg.ScheduleDefinition("nightly", job=job, cron_schedule="0 0 * * *")],
)
Odd.known = False
`;
