import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { placeFreed, queueMoved } from '../../src/store/queue-news.ts';
import type { DeploymentRow } from '../../src/store/schema.ts';
import { openStore, type Store } from '../../src/store/store.ts';
import { wantRevision, wantStopped } from '../../src/store/want.ts';
import { addDeployment, commit, spec } from './add-deployment.ts';

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

const deployment = (iid: number): DeploymentRow => addDeployment(store, iid);
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
