import { expect, test } from 'vitest';
import type { MergeRequestFacts } from '../../src/deployment/gitlab-facts.ts';
import { createHeardOfStrangers } from '../../src/http/heard-of-strangers.ts';

const read: MergeRequestFacts = {
  projectId: 1,
  iid: 7,
  state: 'opened',
  title: 'Title',
  draft: false,
  webUrl: 'https://gitlab.example/data/shop/-/merge_requests/7',
  projectPath: 'data/shop',
  projectUrl: 'https://gitlab.example/data/shop',
  sourceProjectId: 2,
  sourceBranch: 'branch',
  targetBranch: 'main',
  headSha: 'b'.repeat(40),
  author: { id: 3, username: 'dev', name: 'Dee Veloper' },
};
const { state, title, targetBranch, headSha } = read;
const told = { state, title, targetBranch, headSha };

test.each<[string, object]>([
  ['a close', { state: 'closed' }],
  ['a push', { headSha: 'c'.repeat(40) }],
  ['a title', { title: 'Draft: Title' }],
  ['a target', { targetBranch: 'next' }],
])('%s is more than what was read, whatever else is told after it', (_, change) => {
  const heard = createHeardOfStrangers();
  heard.mergeRequest(1, 7, { ...told, ...change });
  for (let i = 0; i < 10; i += 1) heard.mergeRequest(1, 7, told);
  expect(heard.isMoreThan(read)).toBe(true);
  expect(heard.isMoreThan({ ...read, iid: 8 })).toBe(false);
});

test('what was read is not more, nor a push to a branch of that name in another project', () => {
  const heard = createHeardOfStrangers();
  heard.mergeRequest(1, 7, told);
  heard.branch(2, 'branch', headSha);
  heard.branch(1, 'branch', 'c'.repeat(40));
  expect(heard.isMoreThan(read)).toBe(false);
});

test('a branch of a megabyte is not remembered', () => {
  const heard = createHeardOfStrangers();
  const sourceBranch = 'x'.repeat(1024 * 1024);
  heard.branch(2, sourceBranch, 'c'.repeat(40));
  expect(heard.isMoreThan({ ...read, sourceBranch })).toBe(false);
});

test.each(['state', 'title', 'targetBranch', 'headSha'])('a %s of a megabyte is not remembered', (field) => {
  const heard = createHeardOfStrangers();
  heard.mergeRequest(1, 7, { ...told, [field]: 'x'.repeat(1024 * 1024) });
  expect(heard.isMoreThan(read)).toBe(false);
});
