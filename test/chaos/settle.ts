import type { RecordedRequest } from '../support/gitlab/records.ts';
import type { World } from '../support/world.ts';
import type { Jobs } from './deploy-job.ts';
import { type Inspection, inspect } from './invariants.ts';
import type { Life } from './life.ts';

const LOOK_AGAIN_MS = 100;

/** All that is needed to look at the end of a story. */
export interface Stage {
  readonly world: World;
  readonly jobs: Jobs;
  readonly lives: readonly Life[];
  /** Names of the instances that the runtime has. */
  instances(): readonly string[];
  /** Whether instances are processes. */
  readonly real: boolean;
  readonly sweepMs: number;
  /** Lets the time pass that the service gives GitLab to settle; without it, that is waited for. */
  letTimePass?(): Promise<void>;
}

/**
 * The faults have stopped: people look after their jobs, the sweep goes round, and then everything must be as if nothing had ever gone
 * wrong. It must stay so while the sweep goes round once more, and nothing may be written to GitLab for it.
 */
export async function settle(stage: Stage, options: { readonly timeoutMs: number }): Promise<Inspection> {
  const { world, jobs, lives, sweepMs } = stage;
  const deadline = Date.now() + options.timeoutMs;
  for (const life of lives) if (life.mergeRequest) await life.seeToIt();
  await jobs.ended();
  await stage.letTimePass?.();
  for (;;) {
    await world.gitlab.webhooksSettled();
    const inspection = await inspect(world, lives, stage);
    if (inspection.findings.length === 0) {
      const from = world.gitlab.requests.length;
      await new Promise((done) => setTimeout(done, sweepMs * 1.5));
      const writes = world.gitlab.requests.slice(from).filter(isWrite);
      const again = await inspect(world, lives, stage);
      if (writes.length === 0 && again.findings.length === 0) return again;
      if (Date.now() > deadline) return withWrites(again, writes);
    } else if (Date.now() > deadline) return inspection;
    await new Promise((done) => setTimeout(done, LOOK_AGAIN_MS));
  }
}

const isWrite = (request: RecordedRequest) => request.method !== 'GET';

function withWrites(inspection: Inspection, writes: readonly RecordedRequest[]): Inspection {
  const what = `the sweep wrote what was right: ${writes.map(({ method, path }) => `${method} ${path}`).join(', ')}`;
  if (writes.length === 0) return inspection;
  return { ...inspection, findings: [...inspection.findings, { invariant: 'no row that is half done', what }] };
}
