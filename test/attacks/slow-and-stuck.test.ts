import { afterAll, beforeAll, expect, it } from 'vitest';
import { CiDoor } from '../scenarios/ci-door.ts';
import { makeArchive } from '../store/bundles/archives.ts';
import type { MergeRequest } from '../support/gitlab/state.ts';
import { until } from '../support/poll.ts';
import { nodeServer, openWorld, type World } from '../support/world.ts';

// More than the loop works on at once (CONCURRENCY in src/reconcile/loop.ts).
const STUCK = 17;

let t: World;
let door: CiDoor;

beforeAll(async () => {
  t = await openWorld({ pipelines: false, env: { BD_MAX_RUNNING: '100' } });
  door = new CiDoor(t);
});
afterAll(() => t.close());

async function begin(mr: MergeRequest, appFile: string, server = nodeServer('good')): Promise<string> {
  const token = await door.token(door.job(door.pipeline(mr)));
  await door.deploy(token, mr.iid);
  await door.upload(
    token,
    makeArchive([
      { path: '.branch-deployment.yml', content: appFile },
      { path: 'server.mjs', content: server },
    ]),
  );
  return token;
}

const outcome = async (token: string) => /^exit (\d+)/m.exec((await door.call('GET', 'outcome', { token })).text)?.[1];
const open = (branch: string) => t.openMergeRequest(branch, { 'README.md': branch });

it('a global lock (Atlantis): deployments that hang, in setup or against GitLab, hold no other one up', async () => {
  const stuck: string[] = [];
  for (let i = 0; i < STUCK; i += 1)
    stuck.push(await begin(await open(`stuck-${i}`), 'setup: sleep 1000\nstart: node server.mjs\n'));
  const silent = await open('silent');
  // Accepts connections and never answers: health checks run into their limit.
  const silence =
    'import { createServer } from "node:net"; createServer(() => {}).listen(process.env.PORT, process.env.HOST)';
  await begin(silent, 'start: node server.mjs\n', silence);
  t.gitlab.faults.add({ match: { path: new RegExp(`merge_requests/${silent.iid}(/|$)`) }, act: { delayMs: 20_000 } });

  const good = await open('good');
  const token = await begin(good, 'start: node server.mjs\nhealth: /healthz\n');
  expect(await until('the good one to be healthy', () => outcome(token), 20_000)).toBe('0');

  for (const one of stuck) expect(await outcome(one)).toBeUndefined();
  await t.gitlab.closeMergeRequest(t.gitlab.mergeRequest(t.project, 1), t.dev);
  await until(
    'a stuck one to be removed when it is closed',
    () => !t.instances().some((name) => name.startsWith('mr-1-')),
    20_000,
  );
});
