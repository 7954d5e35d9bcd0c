import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openStore, type Store } from '../../src/store/store.ts';

let directory: string;
let store: Store;
let told: string[];

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'bd-events-'));
  store = openStore(join(directory, 'db.sqlite'));
  store.onEvent(({ message }) => told.push(message));
});
beforeEach(() => {
  told = [];
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const add = (message: string) => store.events.add({ at: 1, type: 'test', message });
const turn = () => Promise.resolve();

describe('events', () => {
  it('are told in order, once what they are part of is committed', async () => {
    store.transaction(() => {
      add('first');
      add('second');
      expect(told).toEqual([]);
    });
    add('third');
    await turn();
    expect(told).toEqual(['first', 'second', 'third']);
  });

  it('are not told where it was rolled back', async () => {
    expect(() =>
      store.transaction(() => {
        add('never');
        throw new Error('no');
      }),
    ).toThrow('no');
    add('stays');
    await turn();
    expect(told).toEqual(['stays']);
  });

  it('are told before the store closes', () => {
    add('last');
    store.close();
    expect(told).toEqual(['last']);
  });
});
