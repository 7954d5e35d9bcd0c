import { expect, test } from 'vitest';
import { Chaos, HOOK_FAULTS, REQUEST_FAULTS } from '../support/gitlab/chaos.ts';
import { withGitLab } from './with-gitlab.ts';

const fates = (seed: number) => {
  const chaos = new Chaos({ seed, requests: 0.3, hooks: 0.3 });
  const acts = [...Array(2_000).keys()].map((n) => chaos.request(n % 2 === 0 ? 'GET' : 'POST', `/path/${n % 10}`));
  const hooks = [...Array(500).keys()].map(() => chaos.hook('Note Hook'));
  return { chaos, acts, hooks };
};

test('the same seed gives the same faults, another one others, and every kind comes up', () => {
  const { chaos, acts, hooks } = fates(1);

  expect(fates(1)).toMatchObject({ acts, hooks });
  expect(fates(2).acts).not.toEqual(acts);
  expect([...chaos.injected.keys()].sort()).toEqual([...REQUEST_FAULTS, ...HOOK_FAULTS].sort());
  expect(acts.filter((act) => act !== undefined).length / acts.length).toBeCloseTo(0.3, 1);
});

test('a stopped chaos leaves requests and webhooks alone', () => {
  const chaos = new Chaos({ seed: 1, requests: 1, hooks: 1 });
  chaos.stop();

  expect(chaos.request('GET', '/x')).toBeUndefined();
  expect(chaos.hook('Push Hook')).toEqual([0]);
});

test('a stale read is never older than it may be', () =>
  withGitLab(async ({ gitlab, mergeRequest, ada, call }) => {
    const path = `/projects/${mergeRequest.projectId}/merge_requests/1`;
    const stateWithin = async (withinMs: number) => {
      gitlab.faults.add({ match: {}, act: { staleReads: true, withinMs }, times: 1 });
      return (await call('GET', path)).body.state;
    };
    await call('GET', path);
    await gitlab.closeMergeRequest(mergeRequest, ada);

    expect(await stateWithin(60_000)).toBe('opened');
    expect(await stateWithin(-1)).toBe('closed');
  }));

test('a webhook that is late is overtaken, and a doubled one carries the same id', () =>
  withGitLab(async ({ gitlab, project, mergeRequest, ada }) => {
    const { createServer } = await import('node:http');
    const server = createServer((_, response) => response.end());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    gitlab.addHook(project, { url: `http://127.0.0.1:${port}/`, events: ['Merge Request Hook'] });
    const plan = [[50], [0], [0, 5], []];
    gitlab.faults.chaos = Object.assign(new Chaos({ seed: 1, requests: 0, hooks: 1 }), { hook: () => plan.shift() });

    await gitlab.updateMergeRequest(mergeRequest, ada, { title: 'late' });
    await gitlab.updateMergeRequest(mergeRequest, ada, { title: 'in time' });
    await gitlab.updateMergeRequest(mergeRequest, ada, { title: 'doubled' });
    await gitlab.updateMergeRequest(mergeRequest, ada, { title: 'lost' });
    await gitlab.webhooksSettled();
    server.close();

    const titles = gitlab.deliveries.map(({ body }) => JSON.parse(body).object_attributes.title);
    expect(titles).toEqual(['in time', 'doubled', 'doubled', 'late']);
    expect(gitlab.deliveries[1]?.headers['Idempotency-Key']).toBe(gitlab.deliveries[2]?.headers['Idempotency-Key']);
  }));
