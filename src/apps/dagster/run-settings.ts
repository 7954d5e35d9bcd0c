import type { DagsterSpec } from '../../deployment/app-spec.ts';

/** From a click to the launch of a queued run, at most; s. Dagster's own is 5. */
const DEQUEUE_SECONDS = 1;
/** How soon a run that never starts or never ends after its cancellation is looked for; s. Dagster's own is 120. */
const MONITOR_SECONDS = 30;

/**
 * What the instance's `dagster.yaml` says of runs, above what is taken over from the repository's. Without a daemon nothing would take runs
 * from a queue, so they start at once. `concurrency` is written only where it is asked for: code servers before Dagster 1.10 do not know it.
 */
export function runSettings(
  spec: Pick<DagsterSpec, 'daemon' | 'maxConcurrentRuns' | 'dagsterYaml'>,
): Record<string, unknown> {
  const module = 'dagster._core.run_coordinator';
  if (spec.daemon === 'none') return { run_coordinator: { module, class: 'DefaultRunCoordinator' } };
  const { concurrency, run_monitoring } = spec.dagsterYaml ?? {};
  const runs = { ...(concurrency?.runs as object | undefined), max_concurrent_runs: spec.maxConcurrentRuns };
  return {
    run_coordinator: { module, class: 'QueuedRunCoordinator', config: { dequeue_interval_seconds: DEQUEUE_SECONDS } },
    run_monitoring: { poll_interval_seconds: MONITOR_SECONDS, ...run_monitoring, enabled: true },
    ...(spec.maxConcurrentRuns === undefined ? {} : { concurrency: { ...concurrency, runs } }),
  };
}
