import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CommandSpec } from '../../src/deployment/app-spec.ts';
import { placeFreed, queueMoved } from '../../src/store/queue-news.ts';
import type { DeploymentRow } from '../../src/store/schema.ts';
import { openStore, type Store } from '../../src/store/store.ts';
import { wantRevision, wantStopped } from '../../src/store/want.ts';

let folder: string;
let store: Store;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bd-store-'));
  store = openStore(join(folder, 'service.sqlite'));
});
afterEach(() => {
  store.close();
  rmSync(folder, { recursive: true, force: true });
});

const commit = {
  sha: 'a'.repeat(40),
  title: 'Change',
  message: 'Change',
  authorName: 'Dee',
  authorEmail: 'dee@example.com',
  timestamp: 1,
  parentShas: [],
  webUrl: 'https://gitlab.example.com/c/a',
};
const spec: CommandSpec = {
  preset: 'command',
  directory: '.',
  env: {},
  dotenv: {},
  timeoutMs: 1,
  remarks: [],
  setupInputs: [],
  setupOutputs: [],
  start: 'x',
  health: '/',
};

/** A deployment of !<iid> with one queued revision. */
function deployment(iid: number): DeploymentRow {
  const projectUrl = 'https://gitlab.example.com/data/shop';
  const mergeRequest = store.mergeRequests.record(
    {
      projectId: 42,
      projectPath: 'data/shop',
      projectUrl,
      iid,
      state: 'opened',
      title: 'Change',
      draft: false,
      webUrl: `${projectUrl}/-/merge_requests/${iid}`,
      sourceProjectId: 42,
      sourceBranch: `change-${iid}`,
      targetBranch: 'main',
      headSha: commit.sha,
      author: { id: 1, username: 'dee', name: 'Dee' },
    },
    0,
  );
  const row = store.deployments.create({
    projectId: 42,
    app: '',
    ref: `mr-${iid}`,
    name: `mr-${iid}-shop`,
    slug: `mr_${iid}_shop`,
    mergeRequestId: mergeRequest.id,
    environmentName: `review/mr-${iid}`,
    wanted: 'running',
    phase: 'queued',
    wantedAt: 0,
    pipelineId: 1,
    createdAt: 0,
  });
  wantRevision(store, row, {
    commit,
    pushedBy: 'Dee',
    bundle: `b${iid}`,
    spec,
    sealedVariables: null,
    now: iid,
    why: 'test',
  });
  return row;
}

const waits = (row: DeploymentRow, since: number) => store.deployments.update(row.id, { waitingSince: since });
const runs = (row: DeploymentRow) =>
  store.revisions.update(store.revisions.latest(row.id)?.id ?? 0, { state: 'healthy', instanceState: 'present' });
const line = () => store.places.waiting().map(({ iid }) => iid);
const dueAt = (row: DeploymentRow) => store.work.find(`deployment:${row.id}`, 'instance')?.dueAt;

/** As after a pass of the reconciler: nothing is due. */
function nothingDue(): void {
  for (const row of store.work.all()) store.work.complete(row);
}

describe('the house', () => {
  it('counts a deployment once, however many of its instances are there', () => {
    const row = deployment(1);
    runs(row);
    wantRevision(store, row, {
      commit,
      pushedBy: 'Dee',
      bundle: 'b',
      spec,
      sealedVariables: null,
      now: 5,
      why: 'test',
    });
    runs(row);

    expect(store.places.house(3)).toEqual({
      limit: 3,
      holders: [{ deploymentId: row.id, projectId: 42, iid: 1 }],
      waiting: [],
    });
  });

  it('has those who wait in the order in which they came', () => {
    const [one, two, three] = [deployment(1), deployment(2), deployment(3)];
    waits(one, 300);
    waits(two, 100);
    waits(three, 100);

    expect(line()).toEqual([2, 3, 1]);
  });

  it('takes no notice of a mark that is out of date', () => {
    const [runner, stopped, there, last] = [deployment(1), deployment(2), deployment(3), deployment(4)];
    for (const row of [runner, stopped, there, last]) waits(row, 1);
    runs(runner);
    wantStopped(store, stopped, { reason: 'closed', now: 5 });
    store.revisions.update(store.revisions.latest(there.id)?.id ?? 0, { state: 'superseded' });

    expect(line()).toEqual([4]);
    expect(store.deployments.get(stopped.id)?.waitingSince).toBeNull();
  });
});

describe('news of the queue', () => {
  it('are due at once for those whose turn it is, and after a while for the others', () => {
    const [holder, one, two] = [deployment(1), deployment(2), deployment(3)];
    runs(holder);
    waits(one, 1);
    waits(two, 2);
    nothingDue();

    placeFreed(store, { limit: 2, now: 1_000 });
    queueMoved(store, 1_000);
    queueMoved(store, 4_000);

    expect([dueAt(holder), dueAt(one), dueAt(two)]).toEqual([undefined, 1_000, 11_000]);
    expect(store.work.find(`merge-request:${two.mergeRequestId}`, 'note')?.dueAt).toBe(11_000);
  });

  it('follow when somebody who waited is not wanted any more', () => {
    const [one, two] = [deployment(1), deployment(2)];
    waits(one, 1);
    waits(two, 2);
    nothingDue();

    wantStopped(store, one, { reason: 'closed', now: 1_000 });

    expect(dueAt(two)).toBe(11_000);
    expect(line()).toEqual([2]);
  });
});
