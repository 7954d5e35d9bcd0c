import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { instanceFiles } from '../../../src/apps/dagster/instance-files.ts';
import type { DagsterSpec } from '../../../src/deployment/app-spec.ts';
import type { Place } from '../../../src/deployment/launch.ts';
import type { Files } from '../app-world.ts';
import { recogniseFiles, SETUP } from '../recognise-files.ts';

const LOCATIONS = 'locations: [{ name: shop, module: shop }]\n';

/** What is recognised where the app file names this `dagster.yaml`. */
async function recognised(text: string, options: { appFile?: string; files?: Files } = {}): Promise<DagsterSpec> {
  return (await recogniseFiles({
    ...SETUP,
    '.branch-deployment.yml': `${LOCATIONS}${options.appFile ?? 'dagster_yaml: deploy/dagster.yaml\n'}`,
    'deploy/dagster.yaml': text,
    ...options.files,
  })) as DagsterSpec;
}

/** What is written into `DAGSTER_HOME`, as PyYAML reads it; it is the same for the app and for webserver and daemon. */
function written(spec: DagsterSpec): Record<string, unknown> {
  const place = { data: '/data', work: '/work', host: '127.0.0.1' } as Place;
  const { files, home, configuration } = instanceFiles(spec, place, []);
  const [own, file] = [configuration, home].map((folder) => files.find((one) => one.path === `${folder}/dagster.yaml`));
  expect(own?.content).toBe(file?.content);
  return parse(file?.content ?? '', { version: '1.1' });
}

const OWN_STORAGE = {
  storage: { sqlite: { base_dir: '/data/dagster-home' } },
  local_artifact_storage: {
    module: 'dagster._core.storage.root',
    class: 'LocalArtifactStorage',
    config: { base_dir: '/data/dagster-home' },
  },
  compute_logs: {
    module: 'dagster._core.storage.local_compute_log_manager',
    class: 'LocalComputeLogManager',
    config: { base_dir: '/data/dagster-home/storage' },
  },
};

const PRODUCTION = `
storage: { postgres: { postgres_url: { env: PRODUCTION_DSN } } }
run_storage: { module: a, class: B, config: {} }
event_log_storage: { module: a, class: B, config: {} }
schedule_storage: { module: a, class: B, config: {} }
compute_logs: { module: dagster_aws.s3, class: S3ComputeLogManager, config: { bucket: production } }
local_artifact_storage: { module: dagster._core.storage.root, class: LocalArtifactStorage, config: { base_dir: /production } }
defs_state_storage: { module: a, class: B, config: {} }
scheduler: { module: a, class: B, config: {} }
run_launcher: { module: dagster_k8s, class: K8sRunLauncher, config: {} }
run_coordinator: { module: dagster, class: QueuedRunCoordinator, config: { max_concurrent_runs: 25 } }
instance_class: { module: a, class: B, config: {} }
secrets: { custom: { module: a, class: B, config: {} } }
code_servers: { local_startup_timeout: 1 }
telemetry: { enabled: yes }
nux: { enabled: on }
concurrency:
  pools: { default_limit: 3, granularity: op }
  runs:
    max_concurrent_runs: 25
    tag_concurrency_limits: [{ key: database, value: { applyLimitPerUniqueValue: yes }, limit: 2 }]
python_logs:
  managed_python_loggers: [root, "on"]
  python_log_level: INFO
  dagster_handler_config: { handlers: { h: { class: logging.StreamHandler, since: 2026-01-01 } } }
run_monitoring: { enabled: on, start_timeout_seconds: 300, max_resume_run_attempts: 3 }
retention: { schedule: { purge_after_days: 90 }, sensor: { purge_after_days: { skipped: 7, failure: -1 } } }
`;

describe('the dagster.yaml that the app file names', () => {
  it('brings its limits, log levels and timeouts, and nothing of where runs and logs are kept', async () => {
    const spec = await recognised(PRODUCTION);

    expect(written(spec)).toEqual({
      concurrency: {
        pools: { default_limit: 3, granularity: 'op' },
        runs: {
          max_concurrent_runs: 25,
          tag_concurrency_limits: [{ key: 'database', value: { applyLimitPerUniqueValue: true }, limit: 2 }],
        },
      },
      python_logs: {
        managed_python_loggers: ['root', 'on'],
        python_log_level: 'INFO',
        dagster_handler_config: { handlers: { h: { class: 'logging.StreamHandler', since: '2026-01-01' } } },
      },
      run_monitoring: { enabled: true, poll_interval_seconds: 30, start_timeout_seconds: 300 },
      retention: { schedule: { purge_after_days: 90 }, sensor: { purge_after_days: { skipped: 7, failure: -1 } } },
      run_coordinator: {
        module: 'dagster._core.run_coordinator',
        class: 'QueuedRunCoordinator',
        config: { dequeue_interval_seconds: 1 },
      },
      telemetry: { enabled: false },
      nux: { enabled: false },
      ...OWN_STORAGE,
    });
    expect(spec.remarks.filter((line) => line.startsWith('deploy/dagster.yaml: '))).toEqual([
      'deploy/dagster.yaml: concurrency, python_logs, run_monitoring, retention taken over',
      "deploy/dagster.yaml: left out are storage, run_storage, event_log_storage, schedule_storage, compute_logs, local_artifact_storage, defs_state_storage, scheduler, run_launcher, run_coordinator, instance_class, secrets, code_servers, telemetry, nux: storage, logs, launcher, coordinator and whatever else is not named above are the deployment's own",
      'deploy/dagster.yaml: limits of run_coordinator are taken over where they stand in concurrency.runs',
      'deploy/dagster.yaml: run_monitoring.max_resume_run_attempts is left out: a run is a child of its code server, and cannot be resumed',
    ]);
  });

  it('gives way to the app file, whose max_concurrent_runs is the limit', async () => {
    const spec = await recognised(PRODUCTION, {
      appFile: 'dagster_yaml: deploy/dagster.yaml\nmax_concurrent_runs: 2\n',
    });

    expect(written(spec).concurrency).toMatchObject({
      pools: { default_limit: 3 },
      runs: { max_concurrent_runs: 2, tag_concurrency_limits: [{ key: 'database' }] },
    });
  });

  it('is not looked at where the app file does not name it', async () => {
    const spec = await recognised('storage: [', { appFile: '', files: { 'dagster.yaml': 'concurrency: [' } });

    expect(spec.remarks.join('\n')).not.toContain('dagster.yaml');
    expect(Object.keys(written(spec)).toSorted()).toEqual(
      ['run_coordinator', 'run_monitoring', 'telemetry', 'nux', ...Object.keys(OWN_STORAGE)].toSorted(),
    );
  });

  it('does not switch run monitoring off', async () => {
    const spec = await recognised('run_monitoring: { enabled: off, poll_interval_seconds: 5 }\n');

    expect(written(spec).run_monitoring).toEqual({ enabled: true, poll_interval_seconds: 5 });
    expect(spec.remarks).toContain(
      'deploy/dagster.yaml: run_monitoring stays enabled: it ends runs that would be under way for ever',
    );
  });

  it('may be empty', async () => {
    expect((await recognised('# later\n')).remarks).toContain('deploy/dagster.yaml: holds nothing to take over');
  });

  it.each([
    ['broken YAML', 'concurrency:\n  runs: [\n', /^ {2}- line [23]: /m],
    ['a list', '- a\n', '  - the file holds no keys'],
    [
      'a key that Dagster does not have, with the nearest',
      'concurrency:\n  runs:\n    max_concurent_runs: 4\n',
      '  - line 3: concurrency.runs.max_concurent_runs: unknown key; did you mean "max_concurrent_runs"?',
    ],
    [
      'a variable where Dagster reads none',
      'concurrency:\n  runs:\n    max_concurrent_runs: { env: LIMIT }\n',
      '  - line 3: concurrency.runs.max_concurrent_runs: expected number, received object',
    ],
    [
      'two ways to say one limit',
      'concurrency:\n  default_op_concurrency_limit: 1\n  pools: { default_limit: 2 }\n',
      '  - line 1: concurrency: has pools and default_op_concurrency_limit, of which Dagster takes one: say pools.default_limit',
    ],
    [
      'a log level that every run would fail at',
      'python_logs:\n  python_log_level: LOUD\n',
      "  - line 2: python_logs.python_log_level: is no log level of Dagster's",
    ],
    ['nested brackets without end', `concurrency: ${'['.repeat(50_000)}`, '  - '],
    [
      'more aliases than a file needs',
      `a: &a [${'x,'.repeat(20)}]\n${'bcdefg'.replaceAll(/./g, (n) => `${n}: &${n} [${`*${String.fromCharCode(n.charCodeAt(0) - 1)},`.repeat(20)}]\n`)}`,
      'Excessive alias count',
    ],
  ])('is refused with %s', async (_, text, said) => {
    const message = typeof said === 'string' ? expect.stringContaining(said) : expect.stringMatching(said);
    await expect(recognised(text)).rejects.toMatchObject({ status: 422, type: 'app-file', message });
  });

  it.each([
    [
      'is not there',
      'dagster_yaml: nowhere.yaml\n',
      'app-file',
      'there is no file "nowhere.yaml" in what was uploaded',
    ],
    ['is a folder', 'dagster_yaml: deploy\n', 'app-file', 'there is no file "deploy" in what was uploaded'],
    ['leaves the tree', 'dagster_yaml: ../dagster.yaml\n', 'app-file', '"../dagster.yaml" leaves the uploaded folder'],
    ['is an absolute path', 'dagster_yaml: /etc/dagster.yaml\n', 'app-file', 'is an absolute path'],
    ['is too large', 'dagster_yaml: large.yaml\n', 'file-too-large', 'at most 65536 are read'],
  ])('is refused where it %s', async (_, appFile, type, message) => {
    const files = { 'large.yaml': `# ${'x'.repeat(65_536)}\n` };
    await expect(recognised('', { appFile, files })).rejects.toMatchObject({
      status: 422,
      type,
      message: expect.stringContaining(message),
    });
  });
});
