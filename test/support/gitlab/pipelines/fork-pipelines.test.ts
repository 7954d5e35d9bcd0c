import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { StandInGitLab } from '../stand-in.ts';
import type { Pipeline, User } from '../state.ts';
import { type PipelineRunner, startRunner } from './runner.ts';

describe('the CI runner, for a fork', () => {
  let gitlab: StandInGitLab;
  let ci: PipelineRunner;
  let dev: User;
  beforeEach(async () => {
    gitlab = await StandInGitLab.start();
    ci = startRunner(gitlab, { branchPipelines: false });
    dev = gitlab.addUser('dev');
  });
  afterEach(async () => {
    await ci.stop();
    await gitlab.close();
  });

  it("runs a fork's merge request in the fork", async () => {
    const configuration = {
      show: {
        rules: [{ if: '$CI_PIPELINE_SOURCE == "merge_request_event"' }],
        script: ['echo "$CI_PROJECT_PATH for $CI_MERGE_REQUEST_PROJECT_PATH"'],
      },
    };
    const project = await gitlab.addProject({
      path: 'group/open',
      owner: dev,
      files: { '.gitlab-ci.yml': stringify(configuration) },
    });
    const guest = gitlab.addUser('guest');
    const fork = await gitlab.fork(project, guest);
    await gitlab.push(fork, 'idea', { files: { a: '' }, message: 'A', author: guest });
    const mergeRequest = await gitlab.openMergeRequest(project, {
      sourceProject: fork,
      sourceBranch: 'idea',
      title: 'A',
      author: guest,
    });
    const pipeline = gitlab.pipelines(fork).find(({ source }) => source === 'merge_request_event') as Pipeline;
    await ci.pipelineSettled(pipeline.id);

    expect(pipeline).toMatchObject({
      projectId: fork.id,
      ref: 'idea',
      mergeRequestIid: mergeRequest.iid,
      status: 'success',
    });
    expect(ci.job(pipeline.id, 'show').trace).toContain(`${fork.path} for group/open\n`);
    expect(gitlab.pipelines(project).filter(({ source }) => source === 'merge_request_event')).toEqual([]);
  });
});
