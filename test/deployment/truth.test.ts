import { describe, expect, it } from 'vitest';
import type { MergeRequestFacts, ProjectFacts } from '../../src/deployment/gitlab-facts.ts';
import { hidesMergeRequests, judge, type Memory, type Reading } from '../../src/deployment/truth.ts';

const READABLE: Memory & { readonly state: string } = {
  state: 'opened',
  timesMissing: 0,
  unreadableSince: null,
  unreadableWhy: null,
};
const SECOND = 1_000;
const HOUR = 3_600_000;

/** Judges one reading after the other, at these times, and returns what the last one makes wanted. */
function judged(...readings: ReadonlyArray<readonly [at: number, reading: Reading]>) {
  let memory = READABLE;
  let wanted: string = '';
  for (const [at, reading] of readings) {
    const verdict = judge(reading, memory, at);
    memory = { ...READABLE, ...('memory' in verdict ? verdict.memory : undefined) };
    wanted = verdict.wanted === 'stopped' ? `stopped: ${verdict.reason}` : verdict.wanted;
  }
  return wanted;
}
const gone: Reading = { answer: 'no-merge-request' };
const noProject: Reading = { answer: 'no-project' };
const refused: Reading = { answer: 'refused', why: '403' };
/** Every 5 minutes, as the reconciler looks. */
const often = (reading: Reading, from: number, until: number) => {
  const readings: Array<readonly [number, Reading]> = [];
  for (let at = from; at <= until; at += 5 * 60 * SECOND) readings.push([at, reading]);
  return readings;
};

describe('a merge request that GitLab answers 404 for', () => {
  it('is taken for deleted the second time, when half a minute has passed', () => {
    expect(judged([0, gone])).toBe('as-it-is');
    expect(judged([0, gone], [30 * SECOND, gone])).toBe('stopped: deleted');
  });

  it('is not taken for deleted by two reads of the same moment, which one lagging replica can answer', () => {
    expect(judged([0, gone], [SECOND, gone], [2 * SECOND, gone])).toBe('as-it-is');
  });

  it('is counted anew when anything else was answered between', () => {
    expect(judged([0, gone], [20 * SECOND, refused], [40 * SECOND, gone])).toBe('as-it-is');
    expect(judged([0, noProject], [40 * SECOND, gone])).toBe('as-it-is');
  });
});

describe('a project that GitLab answers 404 for', () => {
  it('is taken for deleted after 72 hours of looking', () => {
    expect(judged(...often(noProject, 0, 71 * HOUR))).toBe('as-it-is');
    expect(judged(...often(noProject, 0, 72 * HOUR))).toBe('stopped: unreadable');
  });

  it('is not taken for deleted by a few reads, however far apart', () => {
    expect(judged([0, noProject], [100 * HOUR, noProject], [200 * HOUR, noProject])).toBe('as-it-is');
  });

  it('is counted anew when the token was refused between', () => {
    const readings = [...often(noProject, 0, 40 * HOUR), [41 * HOUR, refused] as const];
    expect(judged(...readings, ...often(noProject, 42 * HOUR, 80 * HOUR))).toBe('as-it-is');
  });
});

it('a merge is final: an opened merge request after it is an answer from before', () => {
  const facts = { state: 'opened' } as MergeRequestFacts;
  const merged = { ...READABLE, state: 'merged' } as const;
  expect(judge({ answer: 'merge-request', facts }, merged, 0)).toEqual({ wanted: 'stopped', reason: 'merged' });
});

it('a refused token removes nothing, however long it lasts, and tells since when', () => {
  let memory = READABLE;
  for (const [at] of often(refused, 5, 1000 * HOUR)) {
    const verdict = judge({ answer: 'refused', why: `403 at ${at}` }, memory, at);
    if (verdict.wanted !== 'as-it-is') throw new Error(verdict.wanted);
    memory = { ...memory, ...verdict.memory };
  }
  expect(memory).toMatchObject({ unreadableSince: 5, unreadableWhy: expect.stringMatching(/^403 at \d+/) });
});

it.each([
  ['a Developer', 30, 'enabled', false],
  ['a Developer, where only members may see them', 30, 'private', false],
  ['a Guest of a private project', 10, 'enabled', true],
  ['nobody of a public project', 0, 'enabled', false],
  ['nobody of a public project, where only members may see them', 0, 'private', true],
  ['an Owner, where merge requests are switched off', 50, 'disabled', true],
] as const)(
  'as %s the bot can tell a deleted merge request from a hidden one',
  (_who, level, mergeRequests, hidden) => {
    const project: ProjectFacts = {
      id: 1,
      path: 'a/b',
      webUrl: 'https://gl/a/b',
      defaultBranch: 'main',
      mergeRequests,
    };
    expect(hidesMergeRequests(project, level) !== undefined).toBe(hidden);
  },
);
