import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApiWorld, TOKENS } from './http/api/api-world.ts';
import type { MergeRequest } from './support/gitlab/state.ts';
import { until } from './support/poll.ts';
import { BOT_TOKEN, SIGNING_TOKEN } from './support/world.ts';

interface Line {
  readonly decision?: string;
  readonly project?: number;
  readonly mergeRequest?: number;
  readonly deployment?: number;
  readonly revision?: number;
  readonly msg: string;
}

let w: ApiWorld;
let mr: MergeRequest;
let idToken: string;
let lines: Line[];

/** One life: deployed, replaced by a push that fails, taken down by hand, merged; and a job of a fork that is refused. */
beforeAll(async () => {
  w = await ApiWorld.open({ BD_SWEEP_EVERY: '12h' });
  const { t, door } = w;
  const deployed = await w.deploy('feature');
  mr = deployed.mr;
  await until('the note', () => t.note(mr.iid) !== undefined);
  await w.push(mr, { 'exit.txt': '3' });
  await w.api(`/deployments/${deployed.name}/stop`, TOKENS.developer, 'POST');
  await until('it to be stopped', async () => (await w.api('/deployments?state=stopped', TOKENS.reporter)).json.length);
  await t.gitlab.mergeMergeRequest(mr, t.dev);

  const stranger = t.gitlab.addUser('stranger');
  const fork = await t.gitlab.fork(t.project, stranger);
  await t.gitlab.push(fork, 'evil', { files: { 'README.md': 'evil' }, author: stranger });
  const theirs = await t.gitlab.openMergeRequest(t.project, {
    sourceBranch: 'evil',
    sourceProject: fork,
    author: stranger,
  });
  idToken = await door.token(door.job(door.pipeline(theirs)));
  await door.deploy(idToken, theirs.iid);
  await t.settled();
  lines = t.logLines.map((line) => JSON.parse(line) as Line);
});
afterAll(() => w.close());

const ofDeployment = () => lines.filter((line) => line.decision !== undefined && line.deployment !== undefined);

describe('the log', () => {
  it('has one line for each decision about a deployment, in the order in which they were made', () => {
    const decided = ofDeployment().map(({ decision, revision }) =>
      [decision, ...(revision ? [revision] : [])].join(' '),
    );
    expect(decided).toEqual([
      'job',
      'wanted 1',
      'launched 1',
      'healthy 1',
      'job',
      'wanted 2',
      'launched 2',
      'failed 2',
      'stop',
      'unwanted',
      'stopped',
      'unwanted',
    ]);
  });

  it('carries the ids of project, merge request and deployment in each, as numbers', () => {
    const deployment = ofDeployment()[0]?.deployment;
    expect(deployment).toEqual(expect.any(Number));
    for (const line of ofDeployment())
      expect(line).toMatchObject({ project: w.t.project.id, mergeRequest: mr.iid, deployment });
  });

  it('says what was written to GitLab, which webhooks came, and which job was refused', () => {
    const about = { project: w.t.project.id, mergeRequest: mr.iid };
    const decided = (decision: string) => lines.filter((line) => line.decision === decision);
    expect(decided('note')).toContainEqual(expect.objectContaining({ ...about, note: w.t.note(mr.iid)?.id }));
    expect(decided('webhook')).toContainEqual(
      expect.objectContaining({ ...about, event: 'Merge Request Hook', accepted: true }),
    );
    expect(decided('webhook')).toContainEqual(
      expect.objectContaining({ accepted: false, reason: 'no branch deployment has to do with it' }),
    );
    expect(decided('refused')).toEqual([
      expect.objectContaining({ project: w.t.project.id, mergeRequest: 2, type: 'fork', status: 403 }),
    ]);
  });

  it('is JSON in every line, with a time, a level and a message', () => {
    for (const line of lines)
      expect(line).toMatchObject({
        time: expect.stringMatching(/^\d{4}-.*Z$/),
        level: expect.any(Number),
        msg: expect.stringMatching(/./),
      });
  });

  it('shows no secret that anybody has sent or set', () => {
    const text = w.t.logLines.join('');
    for (const secret of [BOT_TOKEN, SIGNING_TOKEN, idToken, ...Object.values(TOKENS)])
      expect(text).not.toContain(secret);
  });
});
