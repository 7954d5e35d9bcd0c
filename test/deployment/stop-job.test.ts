import { expect, test } from 'vitest';
import type { StateChange } from '../../src/deployment/gitlab-facts.ts';
import { judgeStopJob } from '../../src/deployment/stop-job.ts';

const ended = (at: number): StateChange => ({ ended: true, at });
const reopened = (at: number): StateChange => ({ ended: false, at });

test.each<[string, readonly StateChange[], string]>([
  ['never closed', [], 'undeployed'],
  ['reopened before it', [ended(10), reopened(90)], 'undeployed'],
  ['reopened after it', [ended(10), reopened(110)], 'overtaken'],
  ['reopened at the very moment', [ended(10), reopened(100)], 'overtaken'],
  ['reopened after it and closed once more', [ended(10), reopened(110), ended(120)], 'closed'],
  // A merge is for good: only the merge request itself can say it.
  ['closed or merged, while it was read as open', [ended(99)], 'closed'],
])('a stop job whose merge request was %s', (_, changes, outcome) => {
  const verdict = judgeStopJob({ queuedAt: 100 }, changes);
  expect('reason' in verdict ? verdict.reason : 'overtaken').toBe(outcome);
});

test('a stop job that GitLab gives no time for is obeyed as ever', () => {
  expect(judgeStopJob({ queuedAt: null }, [ended(10), reopened(110)])).toEqual({ reason: 'undeployed' });
});
