import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findUv } from '../apps/dagster/uv.ts';
import { rows as stored } from '../reconcile/sweep/swept-world.ts';
import { makeArchive } from '../store/bundles/archives.ts';
import { ANSWER_FILE, InstantRuntime } from '../support/instant-runtime.ts';
import { until } from '../support/poll.ts';
import { openWorld, type World } from '../support/world.ts';
import { CiDoor } from './ci-door.ts';

const uv = findUv();

const assets = { assetNodesConnection: { nodes: [{ id: 'orders' }] }, jobs: [], schedules: [], sensors: [] };
const nothing = { ...assets, assetNodesConnection: { nodes: [] } };

/** What Dagster's webserver says of a code location. */
function entry(name: string, loadedOrError: object, keyStateInfo: object[] = []) {
  const state = { defsStateInfo: { keyStateInfo }, displayMetadata: [] };
  return { name, loadStatus: 'LOADED', locationOrLoadError: loadedOrError, ...state };
}
const loaded = (repository: object) => ({ __typename: 'RepositoryLocation', repositories: [repository] });
const BROKEN = {
  __typename: 'PythonError',
  className: 'ValueError',
  message: 'ValueError: no | such <b>table\n',
  stack: ['  File "ml.py", line 3\n'],
  errorChain: [],
};

describe.runIf(uv)(`a row for each code location${uv ? '' : ' (left out: uv is not installed)'}`, () => {
  // The point is what becomes of the webserver's answer; that Dagster gives it is tested in test/apps/dagster.
  const runtime = new InstantRuntime();
  let t: World;
  let door: CiDoor;

  beforeAll(async () => {
    t = await openWorld({ pipelines: false, runtime });
    door = new CiDoor(t);
  });
  afterAll(() => t?.close());

  async function deploy(
    branch: string,
    locations: ReadonlyArray<{ optional: boolean; entry: { name: string } }>,
    inputs: Readonly<Record<string, string>> = {},
  ) {
    const mr = await t.openMergeRequest(branch, { 'README.md': branch });
    const lines = locations.map(
      ({ optional, entry: { name } }) => `  - { name: ${name}, module: ${name}, optional: ${optional} }\n`,
    );
    const answer = { data: { workspaceOrError: { locationEntries: locations.map((one) => one.entry) } } };
    const archive = makeArchive([
      {
        path: '.branch-deployment.yml',
        content: `setup: "true"\nprepare: "true"\nlocations:\n${lines.join('')}`,
      },
      ...locations.map(({ entry: { name } }) => ({ path: `${name}.py`, content: '' })),
      { path: ANSWER_FILE, content: JSON.stringify(answer) },
    ]);
    const played = await door.play(door.job(door.pipeline(mr)), mr.iid, archive, inputs);
    const outcome = played.exit === '0' ? '✅ Running' : '❌ Failed';
    const body = await until('the note', () => {
      const text = t.note(mr.iid)?.body;
      return text?.includes(outcome) && text;
    });
    return { ...played, rows: rowsIn(body), body, mr };
  }

  const rowsIn = (body: string): string[] =>
    body
      .split('\n')
      .filter((line) => /^\| \w+ \| /.test(line))
      .slice(1);

  const rowsOf = (mr: { iid: number }, wanted: readonly string[]) =>
    until(`the rows ${wanted}`, () => rowsIn(t.note(mr.iid)?.body ?? '').join() === wanted.join(), 60_000);

  it('where all that is needed is loaded, is in the note, and what to look at is in the job log', async () => {
    const { exit, log, rows, body } = await deploy('serves', [
      { optional: false, entry: entry('etl', loaded(assets), [{ name: 'T', info: { version: '1' } }]) },
      { optional: true, entry: entry('ml', BROKEN) },
      { optional: false, entry: entry('empty', loaded(nothing)) },
    ]);

    expect(exit).toBe('0');
    expect(rows).toEqual([
      '| etl | ✅ Loaded |',
      '| ml | ❌ Failed |',
      '| empty | ⚠️ Loaded: it has no asset, job, schedule or sensor |',
    ]);
    expect(body).toContain('ValueError: no | such <b>table\n  File "ml.py", line 3\n```');
    expect(log).toContain('warning: empty is healthy, but it has no asset, job, schedule or sensor');
    expect(log).toMatch(/ml failed:\nValueError: no \| such <b>table\n {2}File "ml.py", line 3\n[\s\S]*Healthy after/);
  });

  it('where one that is optional is not loaded in time, says so of that one, and serves the others', async () => {
    const { exit, log, rows } = await deploy(
      'hangs',
      [
        { optional: false, entry: entry('etl', loaded(assets)) },
        { optional: true, entry: { ...entry('ml', BROKEN), ...{ loadStatus: 'LOADING', locationOrLoadError: null } } },
      ],
      { timeout: '5s' },
    );

    expect(exit).toBe('0');
    const why = 'it is being loaded, and the time that the app has to start is over';
    expect(rows).toEqual(['| etl | ✅ Loaded |', `| ml | ❌ Not loaded: ${why} |`]);
    expect(log).toContain(`warning: ml is not loaded: ${why}\n`);
  });

  it('where one that is optional ends later, and where it is there again, follows in the note', async () => {
    const { mr, exit, rows } = await deploy('ends', [
      { optional: false, entry: entry('etl', loaded(assets)) },
      { optional: true, entry: entry('ml', loaded(assets)) },
      { optional: true, entry: entry('bi', BROKEN) },
    ]);
    const [instance] = runtime.names().filter((name) => name.startsWith(`mr-${mr.iid}-`));
    const before = ['| etl | ✅ Loaded |', '| ml | ✅ Loaded |', '| bi | ❌ Failed |'];
    expect(exit).toBe('0');
    expect(rows).toEqual(before);

    const starts = runtime.starts;
    const reason = 'the code server ended with exit code 3';
    const lost = ['ml', 'bi'].map((name) => ({ name, reason }));
    runtime.lose(instance as string, lost);
    await rowsOf(mr, ['| etl | ✅ Loaded |', ...lost.map(({ name }) => `| ${name} | ❌ Not loaded: ${reason} |`)]);
    runtime.lose(instance as string, []);
    await rowsOf(mr, before);
    const told = stored<{ message: string }>(
      t,
      "select e.message from events e join merge_requests m on m.id = e.merge_request_id where e.type = 'part' and m.iid = ? order by e.id",
      mr.iid,
    );
    expect(told.map(({ message }) => message)).toEqual([
      ...lost.map(({ name }) => `${name} is not loaded: ${reason}`),
      'ml is loaded.',
      'bi could not be loaded: the note has its error.',
    ]);
    expect(runtime.starts).toBe(starts);
  });

  it('where one that is needed is without the state of a component, fails, and shows the others', async () => {
    const { exit, log, rows } = await deploy('stateless', [
      { optional: false, entry: entry('etl', loaded(assets)) },
      { optional: false, entry: entry('dbt', loaded(assets), [{ name: 'DbtProject[shop]', info: null }]) },
    ]);

    const why = 'components without state, and so without their definitions: DbtProject[shop].';
    expect(exit).toBe('1');
    expect(rows).toEqual(['| etl | ✅ Loaded |', '| dbt | ❌ Failed |']);
    expect(log).toContain(`Failed: location dbt could not be loaded: ${why}`);
  });
});
