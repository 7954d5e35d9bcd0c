import { describe, expect, it } from 'vitest';
import { approvalLine, approvalsIn, isFork, mayRun, namesCommit } from '../../src/deployment/forks.ts';
import type { NoteFacts } from '../../src/deployment/gitlab-facts.ts';

const SHA = 'abcdef0123456789abcdef0123456789abcdef01';
const OTHER = 'f'.repeat(40);
const OWN = 1;

describe('a merge request', () => {
  it('comes from a fork where source and target differ, or the source is gone', () => {
    expect(isFork({ projectId: 42, sourceProjectId: 42 })).toBe(false);
    expect(isFork({ projectId: 42, sourceProjectId: 43 })).toBe(true);
    expect(isFork({ projectId: 42, sourceProjectId: null })).toBe(true);
  });

  it.each([
    ['the project itself', { sourceProjectId: 42, approvedSha: null }, 'never', true],
    ['a fork, where none may run', { sourceProjectId: 43, approvedSha: SHA }, 'never', false],
    ['a fork, approved', { sourceProjectId: 43, approvedSha: SHA }, 'approved', true],
    ['a fork that is gone, approved', { sourceProjectId: null, approvedSha: SHA }, 'approved', true],
    ['a fork, with another commit approved', { sourceProjectId: 43, approvedSha: OTHER }, 'approved', false],
    [
      'a fork, with a part of the commit stored',
      { sourceProjectId: 43, approvedSha: SHA.slice(0, 8) },
      'approved',
      false,
    ],
    ['a fork, not approved', { sourceProjectId: 43, approvedSha: null }, 'approved', false],
  ] as const)('from %s', (_from, facts, policy, expected) => {
    expect(mayRun({ projectId: 42, ...facts }, SHA, policy)).toBe(expected);
  });

  it('that is not known, or a commit without a name, may not run', () => {
    expect(mayRun(undefined, SHA, 'approved')).toBe(false);
    expect(mayRun({ projectId: 42, sourceProjectId: 43, approvedSha: '' }, '', 'approved')).toBe(false);
  });
});

describe('an approval', () => {
  it.each([
    [SHA, true],
    [SHA.slice(0, 8), true],
    [SHA.slice(0, 8).toUpperCase(), true],
    [SHA.slice(0, 7), false],
    [`${SHA}0`, false],
    [OTHER.slice(0, 8), false],
    [`${SHA.slice(0, 8)} please`, false],
    ['HEAD', false],
    ['', false],
  ])('that says "%s"', (argument, expected) => {
    expect(namesCommit(argument, SHA)).toBe(expected);
  });

  it('is a comment of a person that begins a line with it', () => {
    const note = (id: number, body: string, changes: Partial<NoteFacts> = {}): NoteFacts => ({
      id,
      body,
      author: { id: 7, username: 'dee', name: 'Dee' },
      system: false,
      createdAt: 0,
      ...changes,
    });
    const notes = [
      note(1, approvalLine(SHA)),
      note(2, `Fine.\n\n${approvalLine(SHA.slice(0, 10))}`),
      note(3, approvalLine(OTHER)),
      note(4, '/deploy'),
      note(5, `> ${approvalLine(SHA)}`),
      note(6, `\`\`\`\n${approvalLine(SHA)}\n\`\`\``),
      note(7, approvalLine(SHA), { system: true }),
      note(8, approvalLine(SHA), { author: { id: OWN, username: 'bot', name: 'Bot' } }),
      note(9, `/undeploy ${SHA}`),
    ];
    expect(approvalsIn(notes, { sha: SHA, own: OWN }).map(({ id }) => id)).toEqual([1, 2]);
  });
});
