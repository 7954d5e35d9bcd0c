import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findUv } from '../apps/dagster/uv.ts';
import { makeArchive } from '../store/bundles/archives.ts';
import { recordDeployment } from '../support/gitlab/acts/deployments.ts';
import { ensureEnvironment } from '../support/gitlab/acts/environments.ts';
import { updateRefs } from '../support/gitlab/acts/merge-refs.ts';
import { resolveCommit } from '../support/gitlab/git/git.ts';
import type { MergeRequest } from '../support/gitlab/state.ts';
import { fixtureFiles } from '../support/projects.ts';
import { knowSecret } from '../support/secret-search/output.ts';
import { dbtEnvironment } from '../support/surroundings.ts';
import { openWorld, type World } from '../support/world.ts';
import { CiDoor } from './ci-door.ts';

const LONG = 300_000;
const READER = 'glpat-Reader4567890123456';
const PACKAGE = 'src/quickstart';
const ORDERS = `${PACKAGE}/orders.py`;
const DEFINITIONS = `${PACKAGE}/definitions.py`;
/** Code that cannot be loaded without its variable, and shows it, nor without what `prepare` makes. */
const TOKEN = `token-${randomBytes(12).toString('hex')}`;
const OLD = `import os

import dagster as dg

open("prepared.txt").close()
# What its surroundings tell it is no change.
FOLDERS = {name: os.environ.get(name, "") for name in ["DAGSTER_HOME", "BRANCH_DEPLOYMENT_DATA_DIR", "BRANCH_DEPLOYMENT_BASE_DIR"]}


@dg.asset(metadata={"token": os.environ["ORDERS_TOKEN"], **FOLDERS}, tags={"commit": os.environ["DAGSTER_CLOUD_GIT_SHA"][:8]})
def shown() -> None: ...


@dg.asset
def old_report() -> None: ...
`;

/** An asset for each reason of Dagster's own, and what a branch changes of it. */
const REASONS = {
  versioned: { reason: 'CODE_VERSION', argument: ['code_version="1"', 'code_version="2"'] },
  dependent: { reason: 'DEPENDENCIES', argument: ['deps=["shown"]', 'deps=["shown", "versioned"]'] },
  partitioned: {
    reason: 'PARTITIONS_DEFINITION',
    argument: [
      'partitions_def=dg.StaticPartitionsDefinition(["a"])',
      'partitions_def=dg.StaticPartitionsDefinition(["a", "b"])',
    ],
  },
  tagged: { reason: 'TAGS', argument: ['tags={"team": "a"}', 'tags={"team": "b"}'] },
  described: { reason: 'METADATA', argument: ['metadata={"rows": 1}', 'metadata={"rows": 2}'] },
} as const;
const REASON_ASSETS = Object.keys(REASONS).map((name) => ['reasons', name] as const);
const reasonsModule = (side: 0 | 1): string =>
  `import dagster as dg\n${Object.entries(REASONS)
    .map(([name, { argument }]) => `\n\n@dg.asset(${argument[side]})\ndef ${name}() -> None: ...\n`)
    .join('')}`;
/** As the API lists them, with what else differs; sorted by key. */
const withReasons = (others: ReadonlyArray<{ key: string; reasons: readonly string[] }>) =>
  [...others, ...Object.entries(REASONS).map(([key, { reason }]) => ({ key, reasons: [reason] }))].sort((a, b) =>
    a.key < b.key ? -1 : 1,
  );

const orders = fixtureFiles('dagster-quickstart')[ORDERS] as string;

/** A module with the project's definitions: these assets. */
const definitions = (...assets: ReadonlyArray<readonly [module: string, name: string]>): string =>
  [
    'import dagster as dg',
    ...assets.map(([module, name]) => `from quickstart.${module} import ${name}`),
    `defs = dg.Definitions(assets=[${assets.map(([, name]) => name).join(', ')}])`,
    '',
  ].join('\n');
const ORDER_ASSETS = [
  ['orders', 'raw_orders'],
  ['orders', 'daily_orders'],
] as const;

const BASE_FILES = 'changes: { base_artifacts: [.branch-deployment.yml] }\n';
/** An environment with the packages of another one, and the project installed as `uv sync` does it: by the path of its folder. */
const appFile = (environment: string, keys = BASE_FILES): string => `setup: |
  ${environment}/bin/python -m venv --without-pip .venv
  for site in .venv/lib/python3*/site-packages; do
    printf '%s\\n' ${environment}/lib/python3*/site-packages "$PWD/src" > "$site/project.pth"
  done
prepare: |
  python -c 'import os, quickstart as q; assert q.__file__.startswith(os.getcwd()), q.__file__' && touch prepared.txt && echo "$PWD" >> "$DAGSTER_HOME/prepared"
locations: [{ name: quickstart, module: quickstart.definitions }]
${keys}`;

/** Beside what the target branch has: a source that is edited, an asset in a module of its own, and one asset less. */
const CHANGED: Readonly<Record<string, string>> = {
  [ORDERS]: orders.replace('[3, 5, 8]', '[3, 5, 9]'),
  [`${PACKAGE}/report.py`]: 'import dagster as dg\n\n\n@dg.asset\ndef new_report() -> None: ...\n',
  [`${PACKAGE}/reasons.py`]: reasonsModule(1),
  [DEFINITIONS]: definitions(...ORDER_ASSETS, ...REASON_ASSETS, ['old', 'shown'], ['report', 'new_report']),
};

interface AssetNode {
  readonly assetKey: { readonly path: readonly string[] };
  readonly changedReasons: readonly string[];
}

const uv = findUv();

describe.runIf(uv)(`what a branch changes${uv ? '' : ' (left out: uv is not installed)'}`, () => {
  const folder = mkdtempSync(join(tmpdir(), 'bd-changes-'));
  let python: string;
  let main: Readonly<Record<string, string>>;
  let t: World;
  let door: CiDoor;
  let mr: MergeRequest;
  let name: string;
  let url: string;

  beforeAll(async () => {
    python = dbtEnvironment(uv as string, join(folder, 'dagster'));
    main = {
      '.branch-deployment.yml': appFile(python),
      [`${PACKAGE}/__init__.py`]: '',
      [`${PACKAGE}/old.py`]: OLD,
      [ORDERS]: orders,
      [`${PACKAGE}/reasons.py`]: reasonsModule(0),
      [DEFINITIONS]: definitions(...ORDER_ASSETS, ...REASON_ASSETS, ['old', 'shown'], ['old', 'old_report']),
    };
    const env = { BD_SECRET_KEY: randomBytes(32).toString('base64') };
    t = await openWorld({ pipelines: false, files: main, env });
    t.gitlab.addMember(t.project, t.gitlab.addUser('reader', { tokens: [READER] }), 20);
    knowSecret('ORDERS_TOKEN', TOKEN);
    door = new CiDoor(t);
    mr = await t.openMergeRequest('report', CHANGED, { title: 'A new report' });
    // The target branch goes on, and does not load any more: that is not what the branch changes.
    await t.push('main', { [ORDERS]: orders.replace('sum(', 'max('), [DEFINITIONS]: 'import no_such_module\n' });
  }, LONG);
  afterAll(async () => {
    await t?.close();
    rmSync(folder, { recursive: true, force: true });
  }, LONG);

  /** A deploy job with these files, until what it changes is known. */
  async function deploy(
    files: Readonly<Record<string, string>>,
    of: { readonly ref?: string; readonly sha?: string } = {},
  ): Promise<string> {
    const archive = makeArchive(Object.entries(files).map(([path, content]) => ({ path, content })));
    const handed = { variables: 'ORDERS_TOKEN', 'value.ORDERS_TOKEN': TOKEN };
    const played = await door.play(door.job(door.pipeline(mr, of)), mr.iid, archive, handed);
    expect(played.log.split('\n').slice(-20).join('\n')).toContain('Healthy after');
    url = played.url;
    name = new URL(played.url).hostname.split('.')[0] as string;
    await t.settled(LONG - 60_000);
    expect(note()).toContain('✅ Running');
    return played.log;
  }

  const note = () => t.note(mr.iid)?.body ?? '';
  const archives = () => t.gitlab.requests.filter(({ path }) => path.includes('/repository/archive')).length;
  async function changes(): Promise<Record<string, unknown>> {
    const route = `${t.serviceUrl}/api/deployments/${name}/changes`;
    const response = await fetch(route, { headers: { 'private-token': READER } });
    return (await response.json()) as Record<string, unknown>;
  }

  /** What the branch's own Dagster answers, as its UI asks it. */
  async function badges(): Promise<Record<string, readonly string[]>> {
    const { body } = await t.preview(url, {
      path: '/graphql',
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: '{ assetNodes { assetKey { path } changedReasons } }' }),
    });
    const { data } = JSON.parse(body) as { data: { assetNodes: AssetNode[] } };
    return Object.fromEntries(data.assetNodes.map((one) => [one.assetKey.path.join('/'), one.changedReasons]));
  }

  it(
    'is told in the note and by the API: against the commit that it began at, read in its own environment',
    async () => {
      const log = await deploy({ ...main, ...CHANGED });

      expect(log).toContain('What it changes of its assets follows in the note of the merge request.');
      expect(note()).toContain('1 new asset, 6 changed assets, 1 removed asset, 1 downstream.');
      expect(note()).toMatch(/\| \[raw\\_orders\]\([^)]+\/assets\/raw%5Forders\) \| source \|/);
      expect(note()).toMatch(/```mermaid\n[^`]*n\d+\["new_report"\]:::new\n/);
      expect(await changes()).toMatchObject({
        ...{ state: 'known', reason: null, revision: 1, commit: mr.sha },
        base: { sha: await resolveCommit(t.project.repository, 'main~1') },
        assets: withReasons([
          { key: 'new_report', reasons: ['NEW'] },
          { key: 'old_report', reasons: ['REMOVED'] },
          { key: 'raw_orders', reasons: ['SOURCE'] },
        ]),
        downstream: [{ location: 'quickstart', key: 'daily_orders', path: ['raw_orders', 'daily_orders'] }],
        ...{ definitions: [], unknown_locations: [], lock_files: [], missing_base_files: null },
      });
      expect(await badges()).toEqual({
        new_report: ['NEW'],
        raw_orders: ['CODE_VERSION'],
        daily_orders: [],
        shown: [],
        ...Object.fromEntries(Object.entries(REASONS).map(([key, { reason }]) => [key, [reason]])),
      });
      // That of the base, and that of what the target branch is now.
      expect(archives()).toBe(2);
    },
    LONG,
  );

  it(
    'is unknown where its base does not load: the note says why, and the deployment is healthy',
    async () => {
      const keys = 'changes: { compare_with: target }\n';
      await deploy({ ...main, ...CHANGED, '.branch-deployment.yml': appFile(python, keys) });

      const reason =
        'quickstart: its base does not load: DagsterImportError: Encountered ImportError: `No module named ' +
        "'no_such_module'` while importing module quickstart.definitions.";
      expect(await changes()).toMatchObject({
        ...{ state: 'unknown', reason, revision: 2, assets: [] },
        base: { sha: await resolveCommit(t.project.repository, 'main') },
      });
      expect(archives()).toBe(3);
      expect(note()).toMatch(/are unknown: quickstart\\: its base does not load\\: DagsterImportError/);
    },
    LONG,
  );

  it(
    'is nothing after a push that takes it back, and the base is not read again',
    async () => {
      await deploy(main);

      expect(note()).toMatch(/\*\*Changes against \[`[0-9a-f]{8}`\]\([^)]+\)\*\*: nothing changed\./);
      expect(await changes()).toMatchObject({ state: 'known', revision: 3, assets: [], downstream: [] });
      expect(archives()).toBe(3);
      // What prepare does for a base is done elsewhere.
      const own = readFileSync(join(t.dataDir, 'deployments', name, 'dagster-home', 'prepared'), 'utf8');
      expect(
        own
          .trim()
          .split('\n')
          .map((path) => basename(path)),
      ).toEqual(['tree', 'tree', 'tree']);
    },
    LONG,
  );

  it(
    'is told against what is deployed to an environment, where the app file says so',
    async () => {
      const environment = ensureEnvironment(t.gitlab, t.project.id, { name: 'production' });
      const deployment = { ref: 'report', sha: mr.sha, status: 'success', jobId: null, userId: t.dev.id } as const;
      recordDeployment(t.gitlab, environment, deployment);

      const keys = 'changes: { compare_with: environment:production }\n';
      await deploy({ ...main, '.branch-deployment.yml': appFile(python, keys) });

      expect(await changes()).toMatchObject({
        ...{ state: 'known', revision: 4, base: { sha: mr.sha } },
        assets: withReasons([
          { key: 'new_report', reasons: ['REMOVED'] },
          { key: 'old_report', reasons: ['NEW'] },
          { key: 'raw_orders', reasons: ['SOURCE'] },
        ]),
      });
    },
    LONG,
  );

  it(
    "of merged results is told against the target's side of the merge, whose changes are not the branch's",
    async () => {
      // It loads again, and has gone on.
      const target = { [ORDERS]: orders.replace('sum(', 'max('), [DEFINITIONS]: main[DEFINITIONS] as string };
      await t.push('main', target);
      t.project.mergedResults = true;
      await updateRefs(t.gitlab, mr);
      const ref = `refs/merge-requests/${mr.iid}/merge`;
      const sha = (await resolveCommit(t.project.repository, ref)) as string;

      const both = (CHANGED[ORDERS] as string).replace('sum(', 'max(');
      await deploy({ ...main, ...CHANGED, [ORDERS]: both }, { ref, sha });

      expect(await changes()).toMatchObject({
        ...{ state: 'known', revision: 5, commit: mr.sha },
        base: { sha: await resolveCommit(t.project.repository, 'main') },
        assets: withReasons([
          { key: 'new_report', reasons: ['NEW'] },
          { key: 'old_report', reasons: ['REMOVED'] },
          { key: 'raw_orders', reasons: ['SOURCE'] },
        ]),
      });
    },
    LONG,
  );
});
