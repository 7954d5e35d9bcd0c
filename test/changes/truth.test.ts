import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual, promisify } from 'node:util';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compareDefinitions } from '../../src/changes/compare.ts';
import { definitionsOf, readSnapshot } from '../../src/changes/snapshot.ts';
import { SHIPPED } from '../../src/shipped-files.ts';
import { dbtEnvironment } from '../support/surroundings.ts';
import { type Pair, pair } from './truth/projects.ts';

/** The same projects in every run; `fc.sample` with another one gives others. */
const SEED = 20_261;
const PAIRS = 60;

const folder = mkdtempSync(join(tmpdir(), 'bd-truth-'));
const ASK = fileURLToPath(new URL('./truth/ask_differ.py', import.meta.url));

/**
 * Dagster compares values of several classes as the tuples that they are, so that one of another class with the same content is the same
 * to it. What is between the brackets of an asset before and after, and our reasons.
 */
const TOLD_APART: Readonly<Record<string, readonly [base: string, branch: string, ours: readonly string[]]>> = {
  'a text and a path': ['metadata={"x": "y"}', 'metadata={"x": dg.MetadataValue.path("y")}', ['METADATA']],
  'a number and a truth value': ['metadata={"x": 1}', 'metadata={"x": True}', ['METADATA']],
  'two mappings without settings': [mapped('AllPartitionMapping'), mapped('LastPartitionMapping'), ['DEPENDENCIES']],
};

let answers: Awaited<ReturnType<typeof bothAbout>>;

beforeAll(async () => {
  const told = Object.values(TOLD_APART).map(([base, branch]) => ({ base: oneAsset(base), branch: oneAsset(branch) }));
  answers = await bothAbout([...fc.sample(pair, { seed: SEED, numRuns: PAIRS }), ...told]);
}, 300_000);

function mapped(mapping: string): string {
  const daily = 'dg.DailyPartitionsDefinition("2024-01-01")';
  return `partitions_def=${daily}, deps=[dg.AssetDep("b", partition_mapping=dg.${mapping}())]`;
}

function oneAsset(said: string): string {
  return `import dagster as dg\n\n@dg.asset(${said})\ndef a(): pass\n\ndefs = dg.Definitions(assets=[a])\n`;
}

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What became of every asset of each pair: `ours` by the probe and the comparison, SOURCE aside, `dagsters` by its own differ. */
async function bothAbout(pairs: readonly Pair[]) {
  const python = join(dbtEnvironment('uv', join(folder, 'environment')), 'bin', 'python');
  const projects = mkdtempSync(join(folder, 'projects-'));
  for (const [at, { base, branch }] of pairs.entries()) {
    writeFileSync(join(projects, `${at}_base.py`), base);
    writeFileSync(join(projects, `${at}_branch.py`), branch);
  }
  const { stdout } = await promisify(execFile)(python, ['-W', 'ignore', ASK, SHIPPED.probe, projects], {
    maxBuffer: 256 * 1024 * 1024,
    env: { ...process.env, DAGSTER_HOME: projects, PYTHONHASHSEED: '0' },
  });
  const answers = JSON.parse(stdout) as Record<string, { base: unknown; branch: unknown; reasons: Reasons }>;
  return pairs.map((texts, at) => {
    const { base, branch, reasons } = answers[at] as (typeof answers)[string];
    const changes = compareDefinitions([loaded(base)], [loaded(branch)], { ignoreMetadata: [] });
    const ours: Reasons = Object.fromEntries(Object.keys(reasons).map((key) => [key, []]));
    for (const { key, reasons: found } of changes.assets) ours[key] = found.filter((one) => one !== 'SOURCE').sort();
    return { ...texts, ours, dagsters: reasons };
  });
}

type Reasons = Record<string, readonly string[]>;

function loaded(value: unknown) {
  const snapshot = readSnapshot(JSON.stringify(value));
  if (snapshot.status === 'failed') throw new Error(snapshot.stack);
  expect(snapshot.assets.flatMap(({ error }) => error ?? [])).toEqual([]);
  return definitionsOf('project', snapshot);
}

describe("the comparison and Dagster's own", () => {
  it(`give the same reasons for generated projects (seed ${SEED})`, () => {
    const differing = answers.slice(0, PAIRS).filter(({ ours, dagsters }) => !isDeepStrictEqual(ours, dagsters));

    expect(differing.map(({ base, branch, ours, dagsters }) => ({ base, branch, ours, dagsters }))).toEqual([]);
    // All of them were asked often enough: what is generated would have shown a reason that is read wrongly.
    const found = answers.flatMap(({ dagsters }) => Object.values(dagsters));
    const often = (reason: string) => found.filter((reasons) => reasons.includes(reason)).length;
    for (const reason of [
      'NEW',
      'REMOVED',
      'CODE_VERSION',
      'DEPENDENCIES',
      'PARTITIONS_DEFINITION',
      'TAGS',
      'METADATA',
    ])
      expect([reason, often(reason)]).toEqual([reason, expect.toSatisfy((count: number) => count >= 20)]);
    expect(found.filter((reasons) => reasons.length === 0).length).toBeGreaterThan(100);
  });

  it.each(Object.keys(TOLD_APART))('differ in what Dagster takes for the same: %s', (what) => {
    const { ours, dagsters } = answers[PAIRS + Object.keys(TOLD_APART).indexOf(what)] as (typeof answers)[number];

    expect({ ours: ours.a, dagsters: dagsters.a }).toEqual({ ours: TOLD_APART[what]?.[2], dagsters: [] });
  });
});
