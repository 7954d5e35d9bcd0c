import { describe, expect, it } from 'vitest';
import { planLook } from '../../../src/reconcile/sweep/turns.ts';
import { InstantRuntime } from '../../support/instant-runtime.ts';
import { until } from '../../support/poll.ts';
import { startWorld } from '../../support/world.ts';
import { deployed } from './swept-world.ts';

const QUIET = ['GET merge_requests', 'GET environments', 'GET merge_requests/n/notes'];

describe('a period in which nothing happens', () => {
  it.each([1, 2, 3, 4, 11, 12, 13, 99, 100])(
    'asks GitLab at most once for each of %i merge requests, and looks at everything within twelve periods',
    (count) => {
      const seen = { mergeRequests: 0, environments: 0, notes: new Set<number>() };
      for (let turn = 0; turn < 12; turn += 1) {
        const look = planLook(turn, count);
        const places = Array.from({ length: count }, (_, place) => place).filter((place) => look.note(place));
        const pages = Math.ceil(count / 100);
        const requests = (look.mergeRequests ? pages : 0) + (look.environments ? pages : 0) + places.length;
        expect(requests).toBeLessThanOrEqual(count);
        seen.mergeRequests += look.mergeRequests ? 1 : 0;
        seen.environments += look.environments ? 1 : 0;
        for (const place of places) seen.notes.add(place);
      }
      expect(seen.mergeRequests).toBeGreaterThanOrEqual(9);
      expect(seen.environments).toBeGreaterThanOrEqual(2);
      expect(seen.notes.size).toBe(count);
    },
  );

  it('is two lists and a twelfth of the notes for a project with six deployments', async () => {
    const runtime = new InstantRuntime();
    const t = await startWorld({ pipelines: false, runtime, env: { BD_SWEEP_EVERY: '1s' } });
    for (let n = 1; n <= 6; n += 1) await deployed(t, `feature-${n}`);
    await until('all notes', () => t.gitlab.state.mergeRequests.every(({ iid }) => t.note(iid)));
    const lists = () => t.gitlab.requests.flatMap(({ path }, at) => (path.includes('/merge_requests?') ? [at] : []));
    // The last deployment's own requests end some seconds after it was made.
    const from = lists().length + 3;
    await until('five periods', () => lists().length > from + 5);
    const [first, last] = [lists().at(from) as number, lists().at(from + 4) as number];
    const kinds = t.gitlab.requests.slice(first, last).map(({ method, path }) =>
      [
        method,
        path
          .replace(/\?.*/, '')
          .replace(/.*\/projects\/\d+\//, '')
          .replaceAll(/\d+/g, 'n'),
      ].join(' '),
    );
    const count = (kind: string) => kinds.filter((one) => one === kind).length;
    expect(kinds.filter((kind) => !QUIET.includes(kind))).toEqual([]);
    expect(count('GET merge_requests')).toBe(4);
    // Each at a time of its own within the period: one more or less at either end.
    expect(Math.abs(count('GET environments') - 4)).toBeLessThanOrEqual(1);
    expect(count('GET merge_requests/n/notes')).toBeLessThanOrEqual(5);
  });
});
