import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import { findUv } from '../apps/dagster/uv.ts';

const MAIN = fileURLToPath(new URL('../demo/main.ts', import.meta.url));
const LONG = 900_000;
const uv = findUv();

it.skipIf(uv === undefined)(
  'the demo plays its whole story with the shipped example, whose run succeeds, and tells what each push changes (skipped where uv is not installed)',
  { timeout: LONG },
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'bd-demo-dagster-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const [told, temporary] = [join(folder, 'told'), join(folder, 'tmp')];
    for (const path of [told, temporary]) mkdirSync(path);
    const path = uv?.includes('/') ? [dirname(uv)] : [];
    const env = { ...process.env, TMPDIR: temporary, PATH: [...path, process.env.PATH].join(delimiter) };

    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--import', 'tsx', MAIN, '--once', '--app', 'dagster', '--told', told],
      { timeout: LONG - 30_000, env, maxBuffer: 16 * 1024 * 1024 },
    );

    expect(stdout.match(/^✓ .*/gm)).toHaveLength(4);
    expect(stdout).toMatch(
      /^ +the job load_orders ran for 2026-01-02 and ended with SUCCESS: http:\/\/mr-1-\S+\/runs\/[0-9a-f-]{36}$/m,
    );
    expect(stdout).toContain('The whole story holds.');
    expect(readdirSync(temporary).filter((name) => !name.startsWith('tsx-'))).toEqual([]);
    for (const [index, [push, report]] of PUSHES.entries()) {
      const read = (name: string) => readFileSync(join(told, `${push}-${name}`), 'utf8');
      expect(read('job.log')).toContain('What it changes of its assets follows in the note of the merge request.');
      // Nothing of the moments in which the webserver is up and the code servers are not.
      expect(read('job.log')).not.toContain('Stack Trace');
      expect(JSON.parse(read('changes.json'))).toMatchObject({ ...changed(report), revision: index + 1 });
      expect(badges(read('shown.txt'))).toEqual(marked(report));
      expectNote(read('note.md'), report);
    }
  },
);

/** The pushes of the story that are healthy, and the asset that they add. */
const PUSHES = [
  ['first-push', 'weekly_report'],
  ['second-push', 'monthly_report'],
] as const;

/** What the API must answer: a function, a model of dbt, an asset more and one less, and what depends on them across both locations. */
const changed = (report: string) => ({
  ...{
    state: 'known',
    reason: null,
    definitions: [],
    unknown_locations: [],
    lock_files: [],
    missing_base_files: null,
    target: null,
  },
  base: { sha: expect.stringMatching(/^[0-9a-f]{40}$/) },
  assets: [
    // A version that dagster-dbt makes of the model's SQL.
    { location: 'marts', key: 'customers_by_country', reasons: ['CODE_VERSION', 'SOURCE'], also: [] },
    { location: 'shop', key: 'best_day', reasons: ['REMOVED'], also: [] },
    { location: 'shop', key: 'daily_orders', reasons: ['SOURCE'], also: [] },
    { location: 'shop', key: report, reasons: ['NEW'], also: [] },
  ],
  downstream: [
    { location: 'marts', key: 'largest_country', path: ['customers_by_country', 'largest_country'] },
    { location: 'shop', key: 'newsletter', path: ['customers_by_country', 'largest_country', 'newsletter'] },
    { location: 'shop', key: 'revenue', path: ['daily_orders', 'revenue'] },
  ],
});

/** What the branch's own Dagster must say of each asset, as its UI asks it. */
const marked = (report: string) => ({
  ...{ customers: [], largest_country: [], newsletter: [], revenue: [] },
  ...{ customers_by_country: ['CODE_VERSION'], daily_orders: ['CODE_VERSION'], [report]: ['NEW'] },
});

function badges(answer: string): Record<string, readonly string[]> {
  const { data } = JSON.parse(answer) as {
    data: { assetNodes: Array<{ assetKey: { path: string[] }; changedReasons: readonly string[] }> };
  };
  return Object.fromEntries(data.assetNodes.map((one) => [one.assetKey.path.join('/'), one.changedReasons]));
}

/** A line of counts with a link to the changed assets, a table of them, and a graph with what is downstream. */
function expectNote(note: string, report: string): void {
  const selection = ['customers_by_country', 'daily_orders', report].map((key) => `key:"${key}"`).join(' or ');
  const counts = /^\*\*Changes against \[`[0-9a-f]{8}`\]\([^)]+\)\*\*: (.*)\. \[Open them in Dagster\]\((\S+)\)$/m.exec(
    note,
  );
  expect(counts?.[1]).toBe('1 new asset, 2 changed assets, 1 removed asset, 3 downstream');
  expect(new URL(counts?.[2] as string).searchParams.get('asset-selection')).toBe(selection);

  const link = (key: string) =>
    `[${key.replaceAll('_', '\\_')}](${new URL(counts?.[2] as string).origin}/assets/${key.replaceAll('_', '%5F')})`;
  expect(note.replace(/[0-9a-f]{8} → [0-9a-f]{8}/, 'old → new')).toContain(`<details>
<summary>What changed</summary>

| Asset | Change | Detail |
|---|---|---|
| ${link('customers_by_country')}<br>marts | code version, source | code version old → new |
| best\\_day<br>shop | removed |  |
| ${link('daily_orders')}<br>shop | source |  |
| ${link(report)}<br>shop | new |  |
`);

  const graph = /```mermaid\n([\s\S]*?)```/.exec(note)?.[1] ?? '';
  const nodes = new Map(
    Array.from(graph.matchAll(/^ +(n\d+)\["(.+)"\]:::(\w+)$/gm), ([, id, key, state]) => [id, `${key} ${state}`]),
  );
  const edges = Array.from(graph.matchAll(/^ +(n\d+) --> (n\d+)$/gm), ([, from, to]) =>
    [nodes.get(from), nodes.get(to)].join(' > '),
  );
  expect([...nodes.values()].filter((node) => !edges.join().includes(node))).toEqual(['best_day removed']);
  expect(edges.sort()).toEqual([
    'customers_by_country changed > largest_country downstream',
    'daily_orders changed > revenue downstream',
    'largest_country downstream > newsletter downstream',
    `revenue downstream > ${report} new`,
  ]);
}
