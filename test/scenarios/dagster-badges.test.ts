import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { it, onTestFinished } from 'vitest';
import { DAGSTER_VERSION } from '../../src/apps/dagster/versions.ts';
import { compareDefinitions } from '../../src/changes/compare.ts';
import { definitionsOf, readSnapshot } from '../../src/changes/snapshot.ts';
import { type Badges, badgesOf } from '../../src/deployment/badges.ts';
import { SHIPPED } from '../../src/shipped-files.ts';
import { HOST, LABEL, startDoor } from '../front-door/start-door.ts';
import { CHROMIUM, openBrowser, type Page } from '../support/browser.ts';
import { freePort, until } from '../support/poll.ts';

const folder = mkdtempSync(join(tmpdir(), 'bd-badges-'));

/** An environment with Dagster and its webserver. */
function environment(): string {
  const made = process.env.BD_TEST_WEBSERVER;
  if (made) return join(made, 'env');
  const env = join(folder, 'env');
  execFileSync('uv', ['venv', '--quiet', env]);
  const python = join(env, 'bin', 'python');
  execFileSync('uv', ['pip', 'install', '--quiet', '--python', python, `dagster-webserver==${DAGSTER_VERSION}`]);
  return env;
}

/** Three assets in a row, of which nobody says code versions. */
const project = (said: {
  readonly raw?: string;
  readonly orders?: string;
  readonly same?: string;
  readonly more?: string;
}) => `
import dagster as dg

@dg.asset
def raw(): return ${said.raw ?? 1}

@dg.asset(deps=[raw]${said.orders ?? ''})
def orders(): return 2

@dg.asset(deps=[orders])
def same(): return ${said.same ?? 3}
${said.more ?? ''}
defs = dg.Definitions(assets=[value for value in globals().values() if isinstance(value, dg.AssetsDefinition)])
`;

const BASE = project({});
const FIRST_PUSH = project({
  raw: '10',
  orders: ', tags={"team": "red"}',
  more: '\n@dg.asset(deps=[raw])\ndef fresh(): return 4\n',
});
const SECOND_PUSH = project({ same: '30' });

it.skipIf(CHROMIUM === undefined)(
  "a branch's Dagster shows in its own UI which assets it changes, and after the next push which ones then (needs Chromium)",
  { timeout: 600_000 },
  async () => {
    onTestFinished(() => rmSync(folder, { recursive: true, force: true, maxRetries: 10 }));
    const bin = join(environment(), 'bin');
    const door = await startDoor({ publicUrl: 'http://previews.test' });
    let badges: Badges | undefined;
    const serve = async (name: string, code: string) =>
      door.show({
        state: 'serving',
        name: LABEL,
        instance: name,
        endpoint: await startDagster(bin, name, code),
        badges: () => badges,
      });
    const [before, first, second] = [
      await probe(bin, BASE),
      await probe(bin, FIRST_PUSH),
      await probe(bin, SECOND_PUSH),
    ];
    await serve('r1', FIRST_PUSH);
    const address = `http://${HOST}:${door.port}`;

    // The page is open before the changes are known.
    const page = await openBrowser(`${address}/asset-groups`);
    await shows(page, { raw: '', orders: '', same: '', fresh: '' });
    badges = badgesOf(compareDefinitions([before], [first]), 'r1');
    await shows(page, { raw: 'Changed in branch', orders: 'Changed in branch', same: '', fresh: 'New in branch' });
    const pageOf = (asset: string) => `${address}/assets/${asset}`;
    for (const [asset, mark] of [
      ['fresh', 'New in branch'],
      ['same', ''],
      ['raw', 'Changed in branch'],
    ] as const)
      await showsAsset(page, pageOf(asset), mark);

    // The next push.
    badges = undefined;
    await serve('r2', SECOND_PUSH);
    badges = badgesOf(compareDefinitions([before], [second]), 'r2');
    // An asset's page that is open is not asked for anew by Dagster's UI: it is the next one that is right.
    for (const [asset, mark] of [
      ['same', 'Changed in branch'],
      ['orders', ''],
      ['raw', ''],
    ] as const)
      await showsAsset(page, pageOf(asset), mark);
    await page.open(`${address}/asset-groups`);
    await shows(page, { raw: '', orders: '', same: 'Changed in branch' });
  },
);

const MARK = (element: string) => `(${element}.innerText.match(/(New|Changed) in branch/) ?? [''])[0]`;

/** What the lineage page says of each asset. */
const MARKS = `JSON.stringify([...document.querySelectorAll('[class*=AssetNode_assetNodeContainer]')]
  .map((node) => [node.querySelector('[class*=AssetNode_assetName]').innerText.trim(), ${MARK('node')}]).sort())`;

async function shows(page: Page, marks: Readonly<Record<string, string>>): Promise<void> {
  await page.until(`${MARKS} === ${JSON.stringify(JSON.stringify(Object.entries(marks).sort()))}`);
}

/** An asset's own page. What tells where the asset is defined is there with the header. */
async function showsAsset(page: Page, address: string, mark: string): Promise<void> {
  await page.open(address);
  await page.until(`document.body.innerText.includes('Code location') && ${MARK('document.body')} === '${mark}'`);
}

/** What the probe reads of this code. */
async function probe(bin: string, code: string) {
  const project = mkdtempSync(join(folder, 'probe-'));
  writeFileSync(join(project, 'defs.py'), code);
  const output = join(project, 'snapshot.json');
  await promisify(execFile)(join(bin, 'python'), [SHIPPED.probe, '--output', output, '-d', project, '-f', 'defs.py']);
  const snapshot = readSnapshot(readFileSync(output, 'utf8'));
  if (snapshot.status === 'failed') throw new Error(snapshot.stack);
  return definitionsOf('etl', snapshot);
}

/** A webserver with one location, `etl`; where it answers. */
async function startDagster(bin: string, name: string, code: string) {
  const home = join(folder, name);
  mkdirSync(home);
  writeFileSync(join(home, 'defs.py'), code);
  writeFileSync(join(home, 'dagster.yaml'), 'telemetry: { enabled: false }\nnux: { enabled: false }\n');
  writeFileSync(
    join(home, 'workspace.yaml'),
    'load_from: [{ python_file: { relative_path: defs.py, location_name: etl } }]\n',
  );
  const port = await freePort();
  const words = ['-h', '127.0.0.1', '-p', `${port}`, '-w', 'workspace.yaml'];
  const env = { PATH: process.env.PATH, HOME: home, DAGSTER_HOME: home };
  const child = spawn(join(bin, 'dagster-webserver'), words, { cwd: home, env, stdio: 'ignore', detached: true });
  onTestFinished(() => end(child));
  await until(
    'the location is loaded',
    async () => {
      const question = { query: '{ assetNodes { id } }' };
      const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(question) };
      const answer = await fetch(`http://127.0.0.1:${port}/graphql`, init).catch(() => undefined);
      return (await answer?.text())?.includes('raw');
    },
    180_000,
  );
  return { host: '127.0.0.1', port };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.pid === undefined) return;
  const gone = once(child, 'exit');
  process.kill(-child.pid, 'SIGKILL');
  await gone;
}
