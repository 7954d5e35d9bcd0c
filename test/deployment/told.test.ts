import { describe, expect, it } from 'vitest';
import { isKnown } from '../../src/deployment/told.ts';

const TOLD = { state: 'opened', headSha: 'a'.repeat(40), title: 'A change', targetBranch: 'main' };
const READ = { ...TOLD, headRemark: null, unreadableSince: null };
const OTHER_SHA = 'b'.repeat(40);
const RUNS = { wanted: 'running', stopReason: null, latestSha: TOLD.headSha } as const;
const BEHIND = { ...RUNS, latestSha: OTHER_SHA };
const stopped = (stopReason: 'merged' | 'closed' | 'undeployed') =>
  ({ ...RUNS, wanted: 'stopped', stopReason }) as const;

describe('a webhook only repeats what was read', () => {
  it.each([
    ['all is as it is told', TOLD, READ, [RUNS]],
    ['a push brought the head that was read', { headSha: TOLD.headSha }, READ, [RUNS]],
    ['nothing was handed over yet', TOLD, READ, [{ ...RUNS, latestSha: undefined }]],
    ['somebody has taken it down', TOLD, READ, [stopped('undeployed')]],
    [
      'an older commit runs, and it is known why',
      TOLD,
      { ...READ, headRemark: { sha: TOLD.headSha, kind: 'failed', pipelineUrl: null, since: 0 } },
      [BEHIND],
    ],
    ['the close was read', { ...TOLD, state: 'closed' }, { ...READ, state: 'closed' }, [stopped('closed')]],
    ['the merge was read', { ...TOLD, state: 'merged' }, { ...READ, state: 'merged' }, [stopped('merged')]],
  ] as const)('where %s', (_where, told, read, apps) => {
    expect(isKnown(told, read, () => apps)).toBe(true);
  });
});

describe('a webhook has it read', () => {
  it.each([
    [
      'a head that runs, where it is still remembered why an earlier one did not: that one may come back',
      TOLD,
      { ...READ, headRemark: { sha: OTHER_SHA, kind: 'failed', pipelineUrl: null, since: 0 } },
      [RUNS],
    ],
    ['another state', { ...TOLD, state: 'closed' }, READ, [RUNS]],
    ['another head', { headSha: OTHER_SHA }, READ, [RUNS]],
    ['another title', { ...TOLD, title: 'Another' }, READ, [RUNS]],
    ['another target', { ...TOLD, targetBranch: 'next' }, READ, [RUNS]],
    ['what could not be read since', TOLD, { ...READ, unreadableSince: 1 }, [RUNS]],
    ['a head that one app has not deployed, and nobody knows why', TOLD, READ, [RUNS, BEHIND]],
    ['an open one that its close has stopped', TOLD, READ, [stopped('closed')]],
    [
      'a closed one with an app that runs',
      { ...TOLD, state: 'closed' },
      { ...READ, state: 'closed' },
      [stopped('closed'), RUNS],
    ],
    [
      'a merge of what was taken down before, whose bundle goes too',
      { ...TOLD, state: 'merged' },
      { ...READ, state: 'merged' },
      [stopped('undeployed')],
    ],
  ] as const)('that tells of %s', (_what, told, read, apps) => {
    expect(isKnown(told, read, () => apps)).toBe(false);
  });
});
