import { describe, expect, it } from 'vitest';
import { runSettings } from '../../../src/apps/dagster/run-settings.ts';
import { RUNS } from '../../../src/apps/dagster/runs.ts';

describe('what dagster.yaml says of runs', () => {
  it('is a queue, with the limit that the app file names', () => {
    expect(runSettings({ maxConcurrentRuns: 4 })).toEqual({
      run_coordinator: {
        module: 'dagster._core.run_coordinator',
        class: 'QueuedRunCoordinator',
        config: { dequeue_interval_seconds: 1 },
      },
      run_monitoring: { enabled: true, poll_interval_seconds: 30 },
      concurrency: { runs: { max_concurrent_runs: 4 } },
    });
    expect(runSettings({ daemon: 'all' })).not.toHaveProperty('concurrency');
  });

  it('is that they start at once where no daemon would take them from a queue', () => {
    expect(runSettings({ daemon: 'none' })).toEqual({
      run_coordinator: { module: 'dagster._core.run_coordinator', class: 'DefaultRunCoordinator' },
    });
  });
});

describe('the command that ends runs', () => {
  it('takes a reason with any character as one word', () => {
    expect(RUNS.end("it's $(over); rm -rf /", { all: false })).toBe("exec sh ./end-runs 'it'\\''s $(over); rm -rf /'");
    expect(RUNS.end('over', { all: true })).toBe(": > retiring; exec sh ./end-runs 'over' --all");
  });
});
