import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { askActivity } from '../../src/apps/dagster/activity.ts';
import { findUv } from '../apps/dagster/uv.ts';
import { makeArchive } from '../store/bundles/archives.ts';
import type { MergeRequest } from '../support/gitlab/state.ts';
import { until } from '../support/poll.ts';
import { dbtEnvironment } from '../support/surroundings.ts';
import { openWorld, type World } from '../support/world.ts';
import { CiDoor } from './ci-door.ts';
import { RUNS_PROJECT } from './dagster-runs-project.ts';

const LONG = 300_000;

/** Waits for a fact that a webserver or the disk tells; asked without a pause, the webserver would be what all others wait for. */
function eventually<T>(what: string, look: () => T | undefined | false | Promise<T | undefined | false>): Promise<T> {
  const now = async () => {
    await sleep(200);
    return look();
  };
  return until(what, now, 120_000);
}

interface RunInfo {
  readonly runId: string;
  readonly status: string;
}

const uv = findUv();

describe.runIf(uv)(`Dagster's runs${uv ? '' : ' (left out: uv is not installed)'}`, () => {
  const files = mkdtempSync(join(tmpdir(), 'bd-runs-'));
  let t: World;
  let door: CiDoor;
  let mr: MergeRequest;
  let url: string;
  let environment: string;

  beforeAll(async () => {
    environment = dbtEnvironment(uv as string, join(files, 'dagster'));
    t = await openWorld({ pipelines: false });
    door = new CiDoor(t);
    mr = await t.openMergeRequest('runs', { 'README.md': 'runs' });
  }, LONG);
  afterAll(async () => {
    await t?.close();
    rmSync(files, { recursive: true, force: true });
  });

  /** A push, until it is healthy. */
  async function push(keys = ''): Promise<void> {
    const appFile = `setup: ln -s ${environment} .venv\nlocations: [{ name: main, file: defs.py }]\nenv: { FILES: ${files} }\n`;
    const archive = makeArchive([
      { path: '.branch-deployment.yml', content: appFile + keys },
      { path: 'defs.py', content: RUNS_PROJECT },
    ]);
    const played = await door.play(door.job(door.pipeline(mr)), mr.iid, archive);
    expect(played.log.split('\n').slice(-20).join('\n')).toContain('Healthy after');
    url = played.url;
  }

  async function ask<T>(query: string, variables: Record<string, unknown> = {}): Promise<T> {
    const { body } = await t.preview(url, {
      path: '/graphql',
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query, variables }),
    });
    const answer = JSON.parse(body) as { data?: T; errors?: unknown };
    if (!answer.data) throw new Error(body);
    return answer.data;
  }

  async function launch(name: string): Promise<string> {
    const selector = { jobName: 'waits', repositoryName: '__repository__', repositoryLocationName: 'main' };
    const { launchRun } = await ask<{ launchRun: { run?: RunInfo } }>(
      'mutation($p: ExecutionParams!) { launchRun(executionParams: $p) { ... on LaunchRunSuccess { run { runId status } } ... on Error { message } } }',
      { p: { selector, runConfigData: { ops: { wait: { config: { name } } } }, mode: 'default' } },
    );
    if (!launchRun.run) throw new Error(JSON.stringify(launchRun));
    return launchRun.run.runId;
  }

  const has = (file: string) => {
    try {
      return readFileSync(join(files, file), 'utf8') || 'empty';
    } catch {
      return undefined;
    }
  };
  const goOn = (name: string) => writeFileSync(join(files, `${name}.go`), '');

  async function started(name: string): Promise<string> {
    const id = await launch(name);
    await eventually(`${name} to start`, () => has(`${name}.started`));
    return id;
  }

  async function run(id: string): Promise<{ status: string; messages: string[]; stdout: string }> {
    const { runOrError, logsForRun } = await ask<{
      runOrError: { status: string };
      logsForRun: { events: Array<{ __typename: string; message: string; fileKey?: string }> };
    }>(
      'query($id: ID!) { runOrError(runId: $id) { ... on Run { status } } logsForRun(runId: $id) { ... on EventConnection { events { __typename ... on MessageEvent { message } ... on LogsCapturedEvent { fileKey } } } } }',
      { id },
    );
    const key = logsForRun.events.find((event) => event.fileKey)?.fileKey;
    const logs = key
      ? await ask<{ capturedLogs: { stdout: string | null } }>(
          'query($key: [String!]!) { capturedLogs(logKey: $key) { stdout } }',
          { key: [id, 'compute_logs', key] },
        )
      : undefined;
    return {
      status: runOrError.status,
      messages: logsForRun.events.map((event) => event.message ?? ''),
      stdout: logs?.capturedLogs.stdout ?? '',
    };
  }

  const gone = (revision: number) =>
    eventually(`revision ${revision} to be gone`, () => !t.instances().some((name) => name.endsWith(`-r${revision}`)));

  /** What the runtime has recorded of the one instance that is there. */
  function recordOfInstance(): { host: string; port: number; processes: Array<{ name: string; pid: number }> } {
    const [name, ...others] = t.instances();
    expect(others).toEqual([]);
    return JSON.parse(readFileSync(join(t.dataDir, 'instances', name as string, 'instance.json'), 'utf8'));
  }

  /** Daemons that have said that they are there, and how often schedule and sensor were asked. */
  async function daemons(): Promise<{ types: string[]; ticks: number; running: string[] }> {
    const { instance, ...states } = await ask<{
      instance: {
        daemonHealth: { allDaemonStatuses: Array<{ daemonType: string; lastHeartbeatTime: number | null }> };
      };
      sensor: { sensorState: { status: string; ticks: unknown[] } };
      schedule: { scheduleState: { status: string; ticks: unknown[] } };
    }>(
      `query($s: SensorSelector!, $c: ScheduleSelector!) {
        instance { daemonHealth { allDaemonStatuses { daemonType lastHeartbeatTime } } }
        sensor: sensorOrError(sensorSelector: $s) { ... on Sensor { sensorState { status ticks(limit: 5) { id } } } }
        schedule: scheduleOrError(scheduleSelector: $c) { ... on Schedule { scheduleState { status ticks(limit: 5) { id } } } }
      }`,
      {
        s: { sensorName: 'ticks', repositoryName: '__repository__', repositoryLocationName: 'main' },
        c: { scheduleName: 'minutely', repositoryName: '__repository__', repositoryLocationName: 'main' },
      },
    );
    const { sensorState } = states.sensor;
    const { scheduleState } = states.schedule;
    return {
      types: instance.daemonHealth.allDaemonStatuses
        .filter((one) => one.lastHeartbeatTime !== null)
        .map((one) => one.daemonType)
        .sort(),
      running: [sensorState.status, scheduleState.status],
      ticks: sensorState.ticks.length + scheduleState.ticks.length,
    };
  }

  it('of a backfill come to an end, and no schedule or sensor ticks', { timeout: LONG }, async () => {
    await push();
    const { launchPartitionBackfill } = await ask<{ launchPartitionBackfill: { backfillId: string } }>(
      'mutation($p: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $p) { ... on LaunchBackfillSuccess { backfillId } ... on Error { message } } }',
      { p: { assetSelection: [{ path: ['parts'] }], partitionNames: ['a', 'b'] } },
    );
    await eventually('the backfill to end', async () => {
      const { backfill } = await ask<{ backfill: { status: string } }>(
        'query($id: String!) { backfill: partitionBackfillOrError(backfillId: $id) { ... on PartitionBackfill { status } } }',
        { id: launchPartitionBackfill.backfillId },
      );
      return backfill.status === 'COMPLETED_SUCCESS';
    });

    expect(await daemons()).toEqual({
      types: ['BACKFILL', 'MONITORING', 'QUEUED_RUN_COORDINATOR'],
      running: ['RUNNING', 'RUNNING'],
      ticks: 0,
    });
  });

  it('go on where a push replaces their code and the service restarts, and are found after it with their logs', {
    timeout: LONG,
  }, async () => {
    const id = await started('first');
    await push('max_concurrent_runs: 1\ndrain: 1s\n');
    await t.stopService();
    await t.startService();

    expect((await run(id)).status).toBe('STARTED');
    expect(t.instances()).toHaveLength(2);
    goOn('first');
    await gone(1);

    const { status, messages, stdout } = await run(id);
    expect(status).toBe('SUCCESS');
    expect(messages).toContain('Finished execution of run for "waits".');
    expect(stdout).toMatch(/^first runs in .*-r1\/tree\/\.venv$/m);
    const { runsOrError } = await ask<{ runsOrError: { results: RunInfo[] } }>(
      '{ runsOrError { ... on Runs { results { runId status } } } }',
    );
    expect(runsOrError.results.map((one) => one.status)).toEqual(['SUCCESS', 'SUCCESS', 'SUCCESS']);
  });

  it('wait for those before them, and are canceled with the reason when the time to drain is over', {
    timeout: LONG,
  }, async () => {
    const second = await started('second');
    const third = await launch('third');
    await eventually('the third to wait', async () => (await run(third)).status === 'QUEUED');
    const { host, port } = recordOfInstance();
    expect(await askActivity({ host, port })).toEqual({ running: 1, waiting: 1 });
    await push('daemon: all\nmax_concurrent_runs: 1\n');
    await gone(2);

    const { status, messages } = await run(second);
    expect(status).toBe('CANCELED');
    expect(messages).toContainEqual(
      'Canceled by the service: a push has replaced the code that it runs with, and it may go on for 1.0 s (drain). Sending run termination request.',
    );
    // What waited runs with the new code.
    await eventually('the third to start', () => has('third.started'));
    expect((await run(third)).stdout).toMatch(/^third runs in .*-r3\/tree\/\.venv$/m);
    await eventually('the sensor to tick', async () => (await daemons()).ticks > 0);
    expect((await daemons()).types).toContain('SCHEDULER');
  });

  it('do not stay STARTED where their processes are killed', { timeout: LONG }, async () => {
    const { runsOrError } = await ask<{ runsOrError: { results: RunInfo[] } }>(
      '{ runsOrError(filter: { statuses: [STARTED] }) { ... on Runs { results { runId status } } } }',
    );
    const [third] = runsOrError.results as [RunInfo];
    const { processes } = recordOfInstance();
    // The code server, the run that is its child, and whatever else is in its group.
    process.kill(-(processes.find((one) => one.name === 'code server main')?.pid as number), 'SIGKILL');

    const lost = await eventually('the run to be given up', async () => {
      const now = await run(third.runId).catch(() => undefined);
      return now?.status === 'FAILURE' ? now : undefined;
    });
    expect(lost.messages).toContain('The process of this run is gone: its code server was killed or crashed.');
  });

  it('do not stay STARTED without a daemon either, where the code that drains is killed', {
    timeout: LONG,
  }, async () => {
    await eventually('it to serve again', async () => (await t.preview(url, { path: '/server_info' })).status === 200);
    const fourth = await started('fourth');
    const { processes } = recordOfInstance();
    await push('daemon: none\n');
    process.kill(-(processes.find((one) => one.name === 'code server main')?.pid as number), 'SIGKILL');

    await gone(3);
    const serving = recordOfInstance().processes;
    await eventually('the run to be given up', async () => (await run(fourth)).status === 'FAILURE');
    expect((await run(fourth)).messages).toContain(
      'The process of this run is gone: its code server was killed or crashed.',
    );
    // By the revision that serves, which went on.
    expect(recordOfInstance().processes).toEqual(serving);
  });

  it('are canceled with the reason before their deployment is stopped', { timeout: LONG }, async () => {
    await started('fifth');
    await t.gitlab.closeMergeRequest(mr, t.dev);
    await eventually('all of it to be gone', () => t.instances().length === 0);

    expect(has('fifth.ended')).toContain(
      'Canceled by the service: the merge request was closed. Sending run termination request.',
    );
  });
});
