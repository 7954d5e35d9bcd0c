import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  admits,
  describePlace,
  type House,
  nameHolders,
  newsAfterMs,
  nextInLine,
  placeInQueue,
  type Resident,
} from '../../src/deployment/admission.ts';

const resident = (deploymentId: number, projectId = 1, iid = deploymentId): Resident => ({
  deploymentId,
  projectId,
  iid,
});
const house = (limit: number, holders: readonly number[], waiting: readonly number[] = []): House => ({
  limit,
  holders: holders.map((id) => resident(id)),
  waiting: waiting.map((id) => resident(id)),
});

describe('a place', () => {
  it('is there for as many as may run, and for who holds one already', () => {
    expect(admits(house(2, [1], [5]), 5)).toBe(true);
    expect(admits(house(2, [1, 2], [5]), 5)).toBe(false);
    expect(admits(house(2, [1, 2], [5]), 2)).toBe(true);
    expect(admits(house(2, [1, 2, 3], []), 3)).toBe(true);
  });

  it('that is free waits for the first in line, whoever asks', () => {
    const full = house(3, [1, 2], [7, 5, 6]);
    expect(nextInLine(full).map(({ deploymentId }) => deploymentId)).toEqual([7]);
    expect([7, 5, 6].map((id) => admits(full, id))).toEqual([true, false, false]);
    expect([7, 6, 1].map((id) => placeInQueue(full, id))).toEqual([1, 3, undefined]);
  });

  it('is given to nobody while more hold one than there are, since the setting was lowered', () => {
    expect(nextInLine(house(1, [1, 2, 3], [4]))).toEqual([]);
  });
});

describe('what those who wait are told', () => {
  it('names the holders of their own project only, and counts the others', () => {
    const busy: House = {
      limit: 5,
      holders: [resident(1, 1, 15), resident(2, 1, 12), resident(3, 1, 12), resident(4, 2, 99), resident(5, 3, 98)],
      waiting: [resident(8), resident(9)],
    };
    const place = describePlace(busy, { id: 9, projectId: 1 });
    expect(place).toMatchObject({ place: 2, limit: 5 });
    expect(place && nameHolders(place)).toBe('!12 (2 places), !15 and 2 of other projects');
    const elsewhere = describePlace(busy, { id: 9, projectId: 7 });
    expect(elsewhere && nameHolders(elsewhere)).toBe('5 of other projects');
    expect(describePlace(busy, { id: 1, projectId: 1 })).toBeNull();
  });

  it('comes seldom where many wait', () => {
    expect(newsAfterMs(1)).toBe(10_000);
    expect(newsAfterMs(120)).toBe(120_000);
  });
});

/** What the store and the instance reconciler do around the decision, in the least words. */
class Model {
  readonly limit: number;
  readonly wanted = new Set<number>();
  readonly queued = new Set<number>();
  readonly instances = new Map<number, number>();
  readonly waitingSince = new Map<number, number>();
  /** In the order in which they got a place that they had to wait for. */
  readonly admitted: Array<{ id: number; since: number; ahead: number; free: number }> = [];
  private time = 0;

  constructor(limit: number) {
    this.limit = limit;
  }

  house(): House {
    const waiting = [...this.waitingSince].filter(
      ([id]) => this.wanted.has(id) && this.queued.has(id) && !this.holds(id),
    );
    return {
      limit: this.limit,
      holders: [...this.instances.keys()].map((id) => resident(id)),
      waiting: waiting.sort(([a, since], [b, other]) => since - other || a - b).map(([id]) => resident(id)),
    };
  }

  holds(id: number): boolean {
    return this.instances.has(id);
  }

  push(id: number): void {
    this.wanted.add(id);
    this.queued.add(id);
  }

  stop(id: number): void {
    this.wanted.delete(id);
    this.queued.delete(id);
    this.waitingSince.delete(id);
  }

  gone(id: number): void {
    const left = (this.instances.get(id) ?? 0) - 1;
    if (left > 0) this.instances.set(id, left);
    else this.instances.delete(id);
  }

  pass(id: number): void {
    if (!this.wanted.has(id) || !this.queued.has(id)) return;
    this.time += 1;
    if (!this.waitingSince.has(id)) this.waitingSince.set(id, this.time);
    const now = this.house();
    if (!admits(now, id)) return;
    if (!this.holds(id)) {
      const since = this.waitingSince.get(id) as number;
      const ahead = (placeInQueue(now, id) as number) - 1;
      this.admitted.push({ id, since, ahead, free: this.limit - now.holders.length });
    }
    this.waitingSince.delete(id);
    this.queued.delete(id);
    this.instances.set(id, (this.instances.get(id) ?? 0) + 1);
  }
}

describe('whatever happens in whatever order', () => {
  const ids = fc.integer({ min: 1, max: 7 });
  const act = fc.record({ kind: fc.constantFrom('push', 'pass', 'pass', 'stop', 'gone'), id: ids });

  it('never more hold a place than there are, and nobody takes one that waits for somebody else', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 }), fc.array(act, { maxLength: 120 }), (limit, acts) => {
        const model = new Model(limit);
        for (const { kind, id } of acts) {
          model[kind](id);
          expect(model.instances.size).toBeLessThanOrEqual(limit);
        }
        for (const { ahead, free } of model.admitted) expect(ahead).toBeLessThan(free);
      }),
      { numRuns: 300, seed: 4 },
    );
  });

  it('nobody starves: as places become free, all who wait get one, first come first served', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 }), fc.array(act, { maxLength: 120 }), (limit, acts) => {
        const model = new Model(limit);
        for (const { kind, id } of acts) model[kind](id);
        for (const id of [1, 2, 3, 4, 5, 6, 7]) model.pass(id);
        const line = model.house().waiting.map(({ deploymentId }) => deploymentId);
        model.admitted.length = 0;
        for (let round = 0; round < 20 && model.house().waiting.length > 0; round++) {
          const [holder] = [...model.instances.keys()];
          if (holder !== undefined) {
            model.stop(holder);
            while (model.holds(holder)) model.gone(holder);
          }
          // The worst order of looking: last come, first looked at.
          for (const id of [...line].reverse()) model.pass(id);
        }
        expect(model.house().waiting).toEqual([]);
        expect(model.admitted.map(({ id }) => id)).toEqual(line);
      }),
      { numRuns: 300, seed: 4 },
    );
  });
});
