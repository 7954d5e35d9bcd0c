import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ComparedChanges } from '../../src/deployment/changes.ts';
import { openSqlite } from '../../src/store/database.ts';
import type { DeploymentRow, RevisionRow } from '../../src/store/schema.ts';
import { openStore, type Store } from '../../src/store/store.ts';
import { wantRevision } from '../../src/store/want.ts';
import { addDeployment, commit, spec } from './add-deployment.ts';

const DAY = 24 * 3_600_000;
const NOTHING: ComparedChanges = {
  changes: { assets: [], downstream: [], named: [] },
  graph: null,
  unknownLocations: [],
  lockFiles: [],
};
let folder: string;
let store: Store;
let row: DeploymentRow;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bd-store-'));
  store = openStore(join(folder, 'service.sqlite'));
  row = addDeployment(store, 1);
});
afterEach(() => {
  store.close();
  rmSync(folder, { recursive: true, force: true });
});

function pushed(): RevisionRow {
  return wantRevision(store, row, {
    ...{ commit, pushedBy: 'Dee', bundle: 'b', spec },
    ...{ sealedVariables: null, now: 1, why: 'test' },
  });
}

/** Snapshots in the file, whoever has them. */
function snapshots(): number {
  const sqlite = openSqlite(join(folder, 'service.sqlite'));
  try {
    return (sqlite.prepare('select count(*) as n from snapshots').get() as { n: number }).n;
  } finally {
    sqlite.close();
  }
}

const read = (key: string, text: string, now = 1) => store.changes.keepReading(row.id, key, { text, now });
const decide = (revision: RevisionRow, baseSha: string | null, decidedAt: number) =>
  store.changes.decide({
    ...{ revisionId: revision.id, baseSha, baseUrl: baseSha && `https://gl/${baseSha}`, missingFiles: null, decidedAt },
    ...(baseSha === null
      ? { unknown: 'Nothing to compare with.', compared: null }
      : { unknown: null, compared: NOTHING }),
  });

describe('readings', () => {
  it('are kept once for the same text, until nobody has it', () => {
    read('base:a', 'the same text');
    read('revision:1', 'the same text');
    read('revision:2', 'another one');

    expect(store.changes.reading(row.id, 'base:a')).toBe('the same text');
    expect(store.changes.reading(row.id, 'revision:3')).toBeUndefined();
    expect(snapshots()).toBe(2);

    read('revision:2', 'the same text', 2);
    expect(store.changes.forgetUnused(10)).toBe(1);
    store.changes.forgetReadings(row.id);
    expect(store.changes.forgetUnused(10)).toBe(1);
    expect(snapshots()).toBe(0);
  });

  it('of a deployment that is pushed to often are the newest ones', () => {
    for (let number = 1; number <= 20; number += 1) read(`revision:${number}`, `text ${number}`, number);

    expect(store.changes.reading(row.id, 'revision:20')).toBe('text 20');
    expect(store.changes.reading(row.id, 'revision:1')).toBeUndefined();
    store.changes.forgetUnused(100);
    expect(snapshots()).toBeLessThan(10);
  });
});

describe('decisions', () => {
  it('are about one revision, and the first base of a deployment is remembered by them', () => {
    const [first, second] = [pushed(), pushed()];
    expect(store.changes.firstBase(row.id)).toBeUndefined();
    decide(first, null, 1);
    decide(second, 'bbb', 2);
    decide(pushed(), 'ccc', 3);

    expect(store.changes.of(first.id)).toMatchObject({ unknown: 'Nothing to compare with.', compared: null });
    expect(store.changes.of(second.id)).toMatchObject({ unknown: null, compared: NOTHING });
    expect(store.changes.firstBase(row.id)).toEqual({ sha: 'bbb', url: 'https://gl/bbb' });
  });

  it('go when they are old, but for those of the latest and the live revision, and with their deployment', () => {
    const [old, live, latest] = [pushed(), pushed(), pushed()];
    for (const revision of [old, live, latest]) decide(revision, 'bbb', DAY);
    store.deployments.update(row.id, { liveRevisionId: live.id });
    read('base:a', 'text');

    expect(store.changes.forgetOld(DAY, 10)).toBe(0);
    expect(store.changes.forgetOld(DAY + 1, 10)).toBe(1);
    expect([old, live, latest].map(({ id }) => store.changes.of(id) !== undefined)).toEqual([false, true, true]);

    store.deployments.wantStopped(row.id, 'merged', 0);
    store.deployments.recordStopped(row.id, DAY);
    expect(store.history.forgetDeployment(row.id, 2 * DAY)).toHaveLength(4);
    expect(store.changes.of(latest.id)).toBeUndefined();
    expect(store.changes.forgetUnused(10)).toBe(1);
  });
});
