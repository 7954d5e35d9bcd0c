import { describe, expect, it } from 'vitest';
import type { JobFacts, PipelineFacts } from '../../src/deployment/gitlab-facts.ts';
import {
  decideFallback,
  droppedRedeploys,
  headPipeline,
  mergeRedeploys,
  withoutRedeploys,
} from '../../src/deployment/redeploy.ts';

const HEAD = 'a'.repeat(40);
const pipeline = (changes: Partial<PipelineFacts> = {}): PipelineFacts => ({
  id: 10,
  projectId: 1,
  sha: HEAD,
  ref: 'refs/merge-requests/7/head',
  source: 'merge_request_event',
  status: 'success',
  webUrl: null,
  user: null,
  createdAt: '2026-01-01T00:00:00Z',
  ...changes,
});
const job = (id: number, status: string, name = 'deploy'): JobFacts => ({ id, name, status });

describe('the pipeline of the head', () => {
  it.each([
    ['a merge-request pipeline of the head', pipeline(), true],
    ['one of an older commit', pipeline({ sha: 'b'.repeat(40) }), false],
    ["the branch's own one", pipeline({ source: 'push', ref: 'change' }), false],
    ['one of the merged result', pipeline({ sha: 'c'.repeat(40), ref: 'refs/merge-requests/7/merge' }), true],
    ['one of a merge train', pipeline({ sha: 'c'.repeat(40), ref: 'refs/merge-requests/7/train' }), false],
  ])('is %s: %s', (_what, one, is) => {
    expect(headPipeline([one], HEAD)).toBe(is ? one : undefined);
  });

  it('is the newest of them', () => {
    expect(headPipeline([pipeline({ id: 12 }), pipeline({ id: 11 })], HEAD)?.id).toBe(12);
  });
});

describe('code that is not here any more comes by', () => {
  it.each([
    ['a new pipeline where the head has none', undefined, [], [], 'pipeline'],
    ['the deploy job where it has run', pipeline(), [job(1, 'success')], [1], 'retry'],
    ['the deploy job where it failed', pipeline({ status: 'failed' }), [job(1, 'failed')], [1], 'retry'],
    ['the pipeline that is under way', pipeline({ status: 'running' }), [], [], 'under-way'],
    ['the job that somebody runs again now', pipeline(), [job(1, 'failed'), job(2, 'running')], [1], 'under-way'],
    ['a new pipeline where the last one was skipped', pipeline({ status: 'skipped' }), [], [], 'pipeline'],
    ['a new pipeline where the last one waits for a person', pipeline({ status: 'manual' }), [], [], 'pipeline'],
    [
      'a new pipeline where the job waits for a person',
      pipeline(),
      [job(1, 'success'), job(2, 'manual')],
      [1],
      'pipeline',
    ],
  ] as const)('%s', (_what, head, jobs, own, step) => {
    expect(decideFallback({ head, jobs, own }).step).toBe(step);
  });

  it('the newest job of the name that once deployed', () => {
    const jobs = [job(5, 'success', 'other:deploy'), job(4, 'canceled'), job(1, 'success'), job(6, 'success', 'stop')];
    expect(decideFallback({ head: pipeline(), jobs, own: [1] })).toEqual({ step: 'retry', job: jobs[1] });
  });
});

it('requests that come one after the other are one, and end app by app', () => {
  const ask = (id: number, by: string) => ({ deploymentIds: [id], by, at: id });
  const both = mergeRedeploys(mergeRedeploys(mergeRedeploys(null, ask(1, 'Ann')), ask(2, 'Bo')), ask(1, 'Cy'));
  expect(both).toEqual({ deploymentIds: [1, 2], by: 'Ann', at: 1 });
  expect(withoutRedeploys({ ...both, sent: { kind: 'pipeline', after: 1, at: 1 } }, [1])).toEqual({
    deploymentIds: [2],
    by: 'Ann',
    at: 1,
  });
  expect(withoutRedeploys(both, [1, 2])).toBeNull();

  // A job that runs again brings the first app only, a pipeline all of them.
  const pipeline = { kind: 'pipeline', after: 1, at: 1 } as const;
  const retry = { kind: 'retry', projectId: 1, pipelineId: 2, job: 'deploy', after: 1, at: 1 } as const;
  expect(droppedRedeploys({ ...both, sent: pipeline }, [1])).toMatchObject({ deploymentIds: [2], sent: pipeline });
  expect(droppedRedeploys({ ...both, sent: retry }, [2])).toMatchObject({ deploymentIds: [1], sent: retry });
  expect(droppedRedeploys({ ...both, sent: retry }, [1])).toEqual({ deploymentIds: [2], by: 'Ann', at: 1 });
  expect(droppedRedeploys(both, [1, 2])).toBeNull();
});
