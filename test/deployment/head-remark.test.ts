import { describe, expect, it } from 'vitest';
import type { PipelineFacts } from '../../src/deployment/gitlab-facts.ts';
import { firstRemark, judgeHead, waitToLookMs } from '../../src/deployment/head-remark.ts';

const HEAD = 'b'.repeat(40);
const url = 'https://gl/x/-/pipelines/9';
const pipeline = (status: string, changes: Partial<PipelineFacts> = {}): PipelineFacts => ({
  id: 9,
  projectId: 1,
  sha: HEAD,
  ref: 'refs/merge-requests/7/head',
  source: 'merge_request_event',
  status,
  webUrl: url,
  user: null,
  createdAt: '2026-01-01T00:00:00Z',
  ...changes,
});
const first = firstRemark(HEAD, null, 0);
const judge = (pipelines: PipelineFacts[], now = 10_000) => judgeHead(first, { pipelines, deployedBy: 5, now });

describe('a head commit that no job has brought', () => {
  it.each([
    ['skipped', 'skipped', url],
    ['success', 'skipped', url],
    ['manual', 'skipped', url],
    ['failed', 'failed', url],
    ['canceled', 'canceled', url],
    ['running', 'waiting', null],
    ['waiting_for_resource', 'waiting', null],
  ])('and whose pipeline is %s is %s', (status, kind, pipelineUrl) => {
    expect(judge([pipeline(status)]).remark).toEqual({ sha: HEAD, kind, pipelineUrl, since: 0 });
  });

  it('waits a minute for its pipeline', () => {
    expect(judge([], 10_000)).toMatchObject({ remark: { kind: 'waiting' }, lookAgainMs: 50_000 });
    expect(judge([], 60_000).remark).toMatchObject({ kind: 'skipped', pipelineUrl: null });
  });

  it("is not told by another commit's pipeline, nor by the one that brought the commit before", () => {
    expect(judge([pipeline('failed', { sha: 'c'.repeat(40) })]).remark.kind).toBe('waiting');
    const merged = { ref: 'refs/merge-requests/7/merge', sha: 'd'.repeat(40) };
    expect(judge([pipeline('success', { ...merged, id: 5 })]).remark.kind).toBe('waiting');
    expect(judge([pipeline('failed', { ...merged, id: 6 })]).remark.kind).toBe('failed');
  });

  it('is not asked about before most jobs have come, and begins anew with each commit', () => {
    expect(waitToLookMs(first, 4_000)).toBe(6_000);
    expect(waitToLookMs(first, 70_000)).toBe(0);
    expect(firstRemark(HEAD, first, 5_000)).toBe(first);
    expect(firstRemark('e'.repeat(40), first, 5_000)).toMatchObject({ kind: 'waiting', since: 5_000 });
  });
});
