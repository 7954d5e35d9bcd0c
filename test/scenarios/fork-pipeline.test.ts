import { expect, it } from 'vitest';
import { ANSWER_FILE, InstantRuntime } from '../support/instant-runtime.ts';
import { until } from '../support/poll.ts';
import { startWorld } from '../support/world.ts';

it("a fork's own pipelines: held, approved, deployed; the next push approved before its pipeline runs", async () => {
  const runtime = new InstantRuntime();
  const t = await startWorld({ runtime, branchPipelines: false, env: { BD_FORKS: 'approved' } });
  const author = t.gitlab.addUser('contributor');
  const fork = await t.gitlab.fork(t.project, author);
  t.gitlab.addMember(fork, t.bot, 30);
  const push = (answer: string) =>
    t.gitlab.push(fork, 'feature', { files: { [ANSWER_FILE]: answer, 'deep/er.txt': answer }, author });
  const newestJob = async () => {
    const pipeline = t.gitlab.pipelines(fork).toSorted((a, b) => b.id - a.id)[0];
    if (!pipeline) throw new Error('the fork has no pipeline');
    await t.ci.pipelineSettled(pipeline.id, { timeoutMs: 30_000 });
    return t.ci.job(pipeline.id, 'branch-deployment:deploy');
  };

  await push('first');
  const mr = await t.gitlab.openMergeRequest(t.project, { sourceBranch: 'feature', sourceProject: fork, author });
  const held = await newestJob();
  expect(held).toMatchObject({ status: 'failed', exitCode: 2, projectId: fork.id });
  expect(held.trace).toContain(`  /deploy ${mr.sha}\nThen it is deployed at once, and no new pipeline is needed.\n`);
  expect(await runtime.list()).toEqual([]);

  await t.gitlab.comment(t.project, mr.iid, t.dev, `/deploy ${mr.sha.slice(0, 8)}`);
  const environment = () => t.gitlab.environment(fork, `review/mr-${mr.iid}`);
  const url = await until('the link', () => environment()?.externalUrl ?? undefined);
  expect(await t.preview(url)).toMatchObject({ status: 200, body: 'first' });
  await t.settled();
  expect(t.note(mr.iid)?.body).toContain('✅ Running');

  // Approved while its pipeline has not been made.
  const { onMergeRequestPipeline } = t.gitlab;
  t.gitlab.onMergeRequestPipeline = null;
  await push('second');
  await t.gitlab.comment(t.project, mr.iid, t.dev, `/deploy ${mr.sha}`);
  await t.gitlab.webhooksSettled();
  t.gitlab.onMergeRequestPipeline = onMergeRequestPipeline;
  await t.gitlab.runMergeRequestPipeline(mr, author);
  expect(await newestJob()).toMatchObject({ status: 'success', exitCode: 0 });
  expect((await t.preview(url)).body).toBe('second');
  expect(environment()).toMatchObject({ state: 'available', externalUrl: url });

  await t.gitlab.closeMergeRequest(mr, author);
  await until('it to be gone', async () => (await runtime.list()).length === 0);
  await until('the environment to be stopped', () => environment()?.state === 'stopped');
  expect(t.gitlab.environments(t.project)).toEqual([]);
});
