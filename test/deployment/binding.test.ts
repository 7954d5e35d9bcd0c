import { describe, expect, it } from 'vitest';
import { checkHead, checkOpen, checkPipeline, parseMergeRequestRef } from '../../src/deployment/binding.ts';
import type { MergeRequestFacts, PipelineFacts } from '../../src/deployment/gitlab-facts.ts';

const person = { id: 1, username: 'dev', name: 'Dee' };
const mergeRequest: MergeRequestFacts = {
  projectId: 42,
  iid: 7,
  state: 'opened',
  title: 'Change',
  draft: false,
  webUrl: 'https://gitlab.example.com/data/shop/-/merge_requests/7',
  projectPath: 'data/shop',
  projectUrl: 'https://gitlab.example.com/data/shop',
  sourceProjectId: 42,
  sourceBranch: 'change',
  targetBranch: 'main',
  headSha: 'b'.repeat(40),
  author: person,
};
const pipeline = (id: number, sha: string, ref = 'refs/merge-requests/7/head'): PipelineFacts => ({
  id,
  projectId: 42,
  sha,
  ref,
  source: 'merge_request_event',
  status: 'running',
  webUrl: null,
  user: person,
  createdAt: '2026-01-01T00:00:00Z',
});

describe('binding a job to a merge request', () => {
  it.each([
    ['refs/merge-requests/7/head', { iid: 7, kind: 'head' }],
    ['refs/merge-requests/7/merge', { iid: 7, kind: 'merge' }],
    ['refs/merge-requests/7/train', undefined],
    ['refs/merge-requests/7/head/x', undefined],
    ['refs/heads/refs/merge-requests/7/head', undefined],
    ['main', undefined],
  ])('reads the ref %s', (ref, expected) => {
    expect(parseMergeRequestRef(ref)).toEqual(expected);
  });

  it('refuses a pipeline of another merge request or of a branch', () => {
    expect(checkPipeline(pipeline(1, 'a'), 7)).toBeUndefined();
    expect(checkPipeline(pipeline(1, 'a'), 8)?.message).toContain('belongs to !7');
    expect(checkPipeline(pipeline(1, 'a', 'main'), 7)?.message).toContain('belongs to "main"');
  });

  it('takes the head, lets a newer pipeline win, and asks again where GitLab may be behind', () => {
    const head = mergeRequest.headSha;

    expect(checkHead(head, mergeRequest, { own: 1, all: [] }).decision).toBe('current');
    expect(checkHead('a', mergeRequest, { own: 1, all: [pipeline(2, head), pipeline(1, 'a')] }).decision).toBe(
      'superseded',
    );
    expect(checkHead('a', mergeRequest, { own: 2, all: [pipeline(1, head)] }).decision).toBe('behind');
  });

  it('refuses what is not open', () => {
    expect(checkOpen(mergeRequest)).toBeUndefined();
    expect(checkOpen({ ...mergeRequest, state: 'merged' })?.type).toBe('merge-request-not-open');
  });
});
