import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DagsterSpec } from '../../deployment/app-spec.ts';
import type { LaunchPlan, Place, PlannedProcess, Step } from '../../deployment/launch.ts';
import { SHIPPED } from '../../shipped-files.ts';
import type { BackgroundWork } from '../preset.ts';
import { askActivity } from './activity.ts';
import type { DagsterInstance, ServedLocation } from './instance-files.ts';
import { quote } from './quote.ts';

/** The programs that see to the runs. */
const FILES = ['daemon.py', 'end_runs.py', 'lost_runs.py', 'code_servers.py', 'held_runs.py'] as const;
const DEFAULT_DRAIN_MS = 10 * 60_000;

interface Programs {
  readonly files: ReadonlyArray<{ readonly name: string; readonly text: string }>;
  readonly version: string;
}

/** Read with the first launch: they do not change while the service runs. */
let programs: Programs | undefined;

function readPrograms(): Programs {
  const files = FILES.map((name) => ({ name, text: readFileSync(join(SHIPPED.runs, name), 'utf8') }));
  return { files, version: createHash('sha256').update(JSON.stringify(files)).digest('hex').slice(0, 16) };
}

/** What is planned for the runs of an instance. */
export interface RunsPlan {
  readonly step: Step;
  readonly files: LaunchPlan['files'];
  /** The daemon; with `daemon: none` only a look for runs whose code server is gone. */
  readonly process: PlannedProcess;
}

/**
 * The programs are the same for all instances, and are written once, where no branch can change them. They run with the webserver's
 * interpreter: a project need not have the daemon's packages.
 */
export function planRuns(
  spec: DagsterSpec,
  place: Place,
  options: {
    env: Readonly<Record<string, string>>;
    instance: DagsterInstance;
    servers: readonly ServedLocation[];
    python: string;
  },
): RunsPlan {
  const { env, instance, servers, python } = options;
  programs ??= readPrograms();
  const folder = join(place.shared, 'dagster-runs', programs.version);
  const config = JSON.stringify({
    daemon: spec.daemon ?? 'runs',
    work: place.work,
    home: instance.home,
    workspace: instance.workspace,
    host: place.host,
    webserver: place.ports.webserver,
    servers: servers.map(({ port }) => port),
    optional: servers.filter(({ location }) => location.optional).map(({ port }) => port),
  });
  const end = [python, join(folder, 'end_runs.py'), config];
  return {
    step: {
      name: "the service's programs for runs of Dagster",
      directory: place.shared,
      command: programs.files
        .map(({ name, text }) => `printf %s ${quote(text)} > ${quote(join(folder, name))}`)
        .join('\n'),
      env: {},
      makesShared: { path: folder },
    },
    files: [{ path: join(place.work, 'end-runs'), content: `exec ${end.map(quote).join(' ')} "$@"\n` }],
    process: {
      name: 'daemon',
      directory: place.work,
      argv: [python, join(folder, 'daemon.py'), config],
      env: { ...env, DAGSTER_HOME: instance.configuration, PYTHONUNBUFFERED: '1' },
    },
  };
}

/**
 * Runs are children of their code server (Dagster's DefaultRunLauncher), so an instance that is ended takes its runs with it. Commands run
 * in the webserver's folder, which is `Place.work`.
 */
export const RUNS: BackgroundWork<DagsterSpec> = {
  activity: (_spec, endpoint) => askActivity(endpoint),
  drainMs: (spec) => spec.drainMs ?? DEFAULT_DRAIN_MS,
  // A daemon may be launching a run just now: until it has let go, the runs that are there are not all.
  handOver: ': > retiring; i=0; while [ ! -e released ] && [ $i -lt 200 ]; do sleep 0.1; i=$((i + 1)); done',
  end: (reason, { all }) => `${all ? ': > retiring; ' : ''}exec sh ./end-runs ${quote(reason)}${all ? ' --all' : ''}`,
};
