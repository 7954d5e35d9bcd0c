import { describe, expect, it } from 'vitest';
import { rows } from '../reconcile/sweep/swept-world.ts';
import { ensureEnvironment } from '../support/gitlab/acts/environments.ts';
import type { Environment, MergeRequest } from '../support/gitlab/state.ts';
import { until } from '../support/poll.ts';
import {
  deploy,
  door,
  fork,
  forksPipeline,
  instancesOf,
  open,
  reactions,
  say,
  serves,
  stranger,
  t,
  useForkWorld,
} from './fork-world.ts';

useForkWorld();

describe('a pipeline in the fork', () => {
  let mr: MergeRequest;

  it('is refused where GitLab does not show it to the service, and the message says what to do', async () => {
    mr = await open('theirs');
    const pipeline = forksPipeline(mr);
    const answer = await door.deploy(await door.token(door.job(pipeline)), mr.iid, {
      merge_request_project_id: String(t.project.id),
    });
    expect(answer).toMatchObject({
      status: 403,
      text: expect.stringContaining(
        `Pipeline ${pipeline.id} of project ${fork.id} is not among the pipelines of merge request !${mr.iid} of project ${t.project.id}`,
      ),
    });
    expect(answer.text).not.toContain('data/shop');
  });

  it('deploys once approved; an environment out of reach is said once, and left alone', async () => {
    t.gitlab.addMember(fork, t.bot, 20);
    ensureEnvironment(t.gitlab, fork.id, { name: `review/mr-${mr.iid}` });
    const deployed = await deploy(mr, 'theirs', 'fork');
    expect(deployed.text).toMatch(/exit 2\n$/);
    expect(reactions(await say(mr, t.dev, `/deploy ${mr.sha}`))).toEqual(['thumbsup']);
    await serves(deployed.url, 'theirs');
    const said = () => t.logLines.filter((line) => line.includes('an environment of a fork is out of reach')).length;
    await until('the log to say so', () => said() > 0, 10_000);
    const asked = () =>
      t.gitlab.requests.filter(({ path }) => path.includes(`/projects/${fork.id}/environments`)).length;
    const before = asked();
    expect(reactions(await say(mr, t.dev, '/deploy'))).toEqual(['thumbsup']);
    await until('it to be asked for again', () => asked() > before, 10_000);
    await t.settled();
    expect(said()).toBe(1);
    expect(t.gitlab.environment(t.project, `review/mr-${mr.iid}`)).toBeUndefined();
  });

  it('has the environment in the fork, with its link, where the service may change it', async () => {
    t.gitlab.addMember(fork, t.bot, 30);
    await say(mr, t.dev, `/deploy ${mr.sha}`);
    const name = `review/mr-${mr.iid}`;
    const url = await until('the link', () => t.gitlab.environment(fork, name)?.externalUrl ?? undefined, 10_000);
    expect((await t.preview(url)).body).toBe('theirs');
    await t.gitlab.closeMergeRequest(mr, t.dev);
    await until('it to be stopped', () => t.gitlab.environment(fork, name)?.state === 'stopped', 10_000);
    await t.gitlab.reopenMergeRequest(mr, t.dev);
    await until('it to be available', () => t.gitlab.environment(fork, name)?.state === 'available', 10_000);
  });

  it('is left to GitLab where the branch that its environment needs is gone', async () => {
    const environment = t.gitlab.environment(fork, `review/mr-${mr.iid}`) as Environment;
    await t.gitlab.deleteBranch(fork, mr.sourceBranch, { author: stranger });
    environment.state = 'stopped';
    await say(mr, t.dev, `/deploy ${mr.sha}`);
    await until('GitLab to refuse it', () =>
      t.gitlab.requests.some(
        ({ method, path, status }) =>
          method === 'POST' && path.startsWith(`/api/v4/projects/${fork.id}/deployments`) && status === 400,
      ),
    );
    await t.settled();
    expect(t.logLines.filter((line) => line.includes('work failed'))).toEqual([]);
  });

  it("stops what is its own with the fork's stop job", async () => {
    const job = door.job(forksPipeline(mr), { name: 'branch-deployment:stop', environmentAction: 'stop' });
    const answer = await door.stop(await door.token(job), mr.iid, '', {
      merge_request_project_id: String(t.project.id),
    });
    expect(answer.text).toContain('say The branch deployment is being removed.');
    await until('its instance to be gone', async () => (await instancesOf(mr)).length === 0);
  });

  it('is refused where the token names another source than the merge request has', async () => {
    const own = await t.openMergeRequest('own', { 'README.md': 'own' });
    const token = await door.token(door.job(door.pipeline(own)), { project_id: String(fork.id) });
    expect(await door.deploy(token, own.iid)).toMatchObject({
      status: 403,
      text: expect.stringContaining(`The ID token says that the code is of project ${fork.id}`),
    });
  });

  it('is handed no variables, with or without a key to seal them, and is told so', async () => {
    const token = await door.token(door.job(forksPipeline(mr)));
    const answer = await door.deploy(token, mr.iid, {
      merge_request_project_id: String(t.project.id),
      variables: 'API_KEY',
      setup_variables: 'NPM_TOKEN',
      'value.API_KEY': 'of the target',
    });
    expect(answer).toMatchObject({
      status: 200,
      text: expect.stringContaining(
        'say This merge request comes from a fork: it is not given the variables API_KEY, NPM_TOKEN.\n',
      ),
    });
    const kept = rows(
      t,
      'select sealed_variables as sealed, setup_variables as setup from jobs order by id desc limit 1',
    );
    expect(kept).toEqual([{ sealed: null, setup: '[]' }]);
  });

  it("binds to its own merge request only, and learns nothing of others' projects", async () => {
    const victim = await t.openMergeRequest('victim', { 'README.md': 'v' });
    const secret = await t.gitlab.addProject({ path: 'data/secret-plans' });
    t.gitlab.addMember(secret, t.bot, 30);
    const hidden = await t.gitlab.addProject({ path: 'elsewhere/hidden' });
    const token = await door.token(door.job(forksPipeline(mr)));
    for (const [iid, project] of [
      [victim.iid, t.project],
      [1, secret],
      [1, hidden],
    ] as const) {
      const answer = await door.deploy(token, iid, { merge_request_project_id: String(project.id) });
      expect(answer.status).toBe(403);
      expect(answer.text).toContain(`is not among the pipelines of merge request !${iid} of project ${project.id}`);
      expect(answer.text).not.toMatch(/secret-plans|hidden|data\/shop/);
    }
    // Nor does a pipeline of the target that names another merge request.
    const own = await door.token(door.job(door.pipeline(victim)));
    const crossed = await door.deploy(own, mr.iid, { merge_request_project_id: String(t.project.id) });
    expect(crossed).toMatchObject({ status: 403, text: expect.stringContaining(`belongs to !${victim.iid}`) });
  });
});
