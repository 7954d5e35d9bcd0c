import { decodeJwt } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { type CiService, startCiService } from '../../../templates/ci-service.ts';
import { StandInGitLab } from '../stand-in.ts';
import type { MergeRequest, Pipeline, Project, User } from '../state.ts';
import { type PipelineRunner, startRunner } from './runner.ts';

const onMergeRequests = { rules: [{ if: '$CI_PIPELINE_SOURCE == "merge_request_event"' }] };

describe('the CI runner', () => {
  let gitlab: StandInGitLab;
  let ci: PipelineRunner;
  let service: CiService;
  let dev: User;
  beforeEach(async () => {
    gitlab = await StandInGitLab.start();
    ci = startRunner(gitlab, { branchPipelines: false });
    service = await startCiService();
    dev = gitlab.addUser('dev');
  });
  afterEach(async () => {
    await ci.stop();
    await service.stop();
    await gitlab.close();
  });

  /** A project with this configuration, and a merge request that adds a file. */
  async function openWith(
    configuration: Record<string, unknown>,
    options: { mergedResults?: boolean } = {},
  ): Promise<{
    project: Project;
    mergeRequest: MergeRequest;
    pipeline: Pipeline;
  }> {
    const project = await gitlab.addProject({
      path: 'group/shop',
      owner: dev,
      files: { '.gitlab-ci.yml': stringify(configuration), 'server.js': '// one' },
      ...options,
    });
    await gitlab.push(project, 'feature', { files: { 'new.js': '// two' }, message: 'Add a file', author: dev });
    const mergeRequest = await gitlab.openMergeRequest(project, {
      sourceBranch: 'feature',
      title: 'Costs $5',
      author: dev,
    });
    const pipeline = gitlab.pipelines(project).find(({ source }) => source === 'merge_request_event') as Pipeline;
    if (pipeline) await ci.pipelineSettled(pipeline.id);
    return { project, mergeRequest, pipeline };
  }

  const withComponent = (inputs: Record<string, unknown> = {}) => ({
    include: [
      {
        component: '$CI_SERVER_FQDN/platform/branch-deployments/branch-deployment@1.0.0',
        inputs: { service_url: service.url, ...inputs },
      },
    ],
  });

  it('runs the component: link, deployment, ID token, and the stop job when a person plays it', async () => {
    const { project, mergeRequest, pipeline } = await openWith(withComponent());

    const deploy = ci.job(pipeline.id, 'branch-deployment:deploy');
    expect(deploy.trace).toContain('healthy\nPreview: http://mr-7-shop-abcd1234.localhost:8080\nJob succeeded\n');
    expect(deploy).toMatchObject({ status: 'success', exitCode: 0 });
    expect(pipeline).toMatchObject({
      status: 'success',
      ref: 'refs/merge-requests/1/head',
      sha: mergeRequest.sha,
      mergeRequestIid: 1,
    });
    const environment = gitlab.environment(project, 'review/mr-1');
    expect(environment).toMatchObject({
      state: 'available',
      tier: 'development',
      externalUrl: 'http://mr-7-shop-abcd1234.localhost:8080',
      onStop: { pipelineId: pipeline.id, job: 'branch-deployment:stop' },
    });
    expect(gitlab.state.deployments).toMatchObject([{ status: 'success', sha: mergeRequest.sha, jobId: deploy.id }]);
    expect(decodeJwt(service.requests[0]?.headers.authorization?.replace('Bearer ', '') ?? '')).toMatchObject({
      iss: gitlab.url,
      aud: service.url,
      job_id: String(deploy.id),
      pipeline_id: String(pipeline.id),
      pipeline_source: 'merge_request_event',
      environment: 'review/mr-1',
      environment_action: 'start',
    });

    const stop = ci.job(pipeline.id, 'branch-deployment:stop');
    expect(stop.status).toBe('manual');
    ci.playJob(stop.id, dev);
    await ci.pipelineSettled(pipeline.id);
    expect(stop).toMatchObject({ status: 'success' });
    expect(gitlab.environment(project, 'review/mr-1')?.state).toBe('stopped');
    expect(service.received('POST stop')).toHaveLength(1);
  });

  it('makes a new pipeline for a push', async () => {
    const { project, pipeline } = await openWith(withComponent());
    await gitlab.push(project, 'feature', { files: { 'more.js': '' }, message: 'More', author: dev });
    const second = gitlab.pipelines(project)[0] as Pipeline;

    expect(second.id).not.toBe(pipeline.id);
    expect(await ci.pipelineSettled(second.id)).toMatchObject({ status: 'success' });
  });

  it('plays the stop job where GitLab stops the environment of a merged merge request', async () => {
    const { project, mergeRequest, pipeline } = await openWith(withComponent());
    await gitlab.mergeMergeRequest(mergeRequest, dev);
    await ci.pipelineSettled(pipeline.id);

    expect(ci.job(pipeline.id, 'branch-deployment:stop').status).toBe('success');
    expect(gitlab.environment(project, 'review/mr-1')?.state).toBe('stopped');
  });

  it('fails the pipeline with the exit code of its job', async () => {
    service.answer('POST deploy', { status: 403, text: 'Not allowed.\n' });
    const { project, pipeline } = await openWith(withComponent());

    expect(pipeline.status).toBe('failed');
    expect(ci.job(pipeline.id, 'branch-deployment:deploy')).toMatchObject({ status: 'failed', exitCode: 2 });
    expect(gitlab.environment(project, 'review/mr-1')?.externalUrl).toBeNull();
    expect(gitlab.state.deployments).toMatchObject([{ status: 'failed' }]);
  });

  it('hands artifacts and dotenv reports to the jobs that need them, in the order of needs and stages', async () => {
    const { pipeline } = await openWith({
      stages: ['build', 'test', 'deploy'],
      build: {
        stage: 'build',
        ...onMergeRequests,
        script: ['mkdir dist', 'echo built >"dist/a b"', 'echo VERSION=1.2 >build.env'],
        artifacts: { paths: ['dist/'], reports: { dotenv: 'build.env' } },
      },
      red: { stage: 'test', ...onMergeRequests, script: ['exit 3'], allow_failure: { exit_codes: [3] } },
      early: { stage: 'deploy', ...onMergeRequests, needs: [], script: ['ls'] },
      use: {
        stage: 'deploy',
        ...onMergeRequests,
        needs: ['build'],
        script: ['cat "dist/a b"', 'echo "version $VERSION"'],
      },
      alarm: { stage: 'deploy', ...onMergeRequests, when: 'on_failure', script: ['true'] },
    });

    expect(pipeline.status).toBe('success');
    expect(ci.job(pipeline.id, 'use').trace).toMatch(/\nbuilt\n[\s\S]*version 1\.2\n/);
    expect(ci.job(pipeline.id, 'early').trace).not.toContain('dist');
    expect(ci.job(pipeline.id, 'red')).toMatchObject({ status: 'failed', exitCode: 3, allowFailure: true });
    expect(ci.job(pipeline.id, 'alarm').status).toBe('skipped');
  });

  it('skips what follows a failed job', async () => {
    const { pipeline } = await openWith({
      build: { stage: 'build', ...onMergeRequests, script: ['false', 'echo not reached'] },
      after: { stage: 'test', ...onMergeRequests, script: ['true'] },
    });

    expect(pipeline.status).toBe('failed');
    expect(ci.job(pipeline.id, 'build').trace).not.toContain('\nnot reached');
    expect(ci.job(pipeline.id, 'after').status).toBe('skipped');
  });

  it('gives jobs a fresh checkout, predefined variables, and the variables of the project', async () => {
    const project = await gitlab.addProject({ path: 'group/vars', owner: dev, files: { 'x.txt': '' } });
    const variable = { type: 'env_var' as const, environmentScope: '*', protected: false, masked: false };
    project.variables.push(
      { ...variable, key: 'SECRET', value: 's3cr3t-value', masked: true },
      { ...variable, key: 'FILE', value: 'in a file', type: 'file' },
      { ...variable, key: 'REVIEW_ONLY', value: 'yes', environmentScope: 'review/*' },
      { ...variable, key: 'LEVEL', value: 'project' },
    );
    const script = [
      'git status --porcelain; git rev-parse HEAD; ls',
      'echo "secret $SECRET, file $(cat "$FILE"), scope [$REVIEW_ONLY], level $LEVEL, raw $RAW, title $CI_MERGE_REQUEST_TITLE"',
      'echo "$CI_COMMIT_SHA $CI_MERGE_REQUEST_IID $CI_MERGE_REQUEST_EVENT_TYPE [$CI_COMMIT_BRANCH] $GITLAB_USER_LOGIN"',
    ];
    const variables = { LEVEL: 'job', RAW: { value: '$HOME', expand: false } };
    const plain = { ...onMergeRequests, variables, script };
    const files = {
      '.gitlab-ci.yml': stringify({
        plain,
        review: { ...plain, environment: 'review/x' },
        bare: { ...plain, variables: { GIT_STRATEGY: 'none' }, script: ['ls'] },
      }),
    };
    await gitlab.push(project, 'feature', { files, message: 'Configure', author: dev });
    const mergeRequest = await gitlab.openMergeRequest(project, {
      sourceBranch: 'feature',
      title: 'Costs $5',
      author: dev,
    });
    const pipeline = gitlab.pipelines(project)[0] as Pipeline;
    await ci.pipelineSettled(pipeline.id);

    const { trace } = ci.job(pipeline.id, 'plain');
    expect(trace).toContain(`\n${mergeRequest.sha}\nx.txt\n`);
    expect(trace).toContain('secret [MASKED], file in a file, scope [], level project, raw $HOME, title Costs $5\n');
    expect(trace).toContain(`${mergeRequest.sha} ${mergeRequest.iid} detached [] dev\n`);
    expect(ci.job(pipeline.id, 'review').trace).toContain('scope [yes]');
    expect(ci.job(pipeline.id, 'bare').trace).not.toContain('x.txt');
  });

  it('ends the processes of a canceled job, and runs a retried one again', async () => {
    const configuration = {
      slow: {
        ...onMergeRequests,
        script: ['trap "echo ended; exit 1" TERM', 'if [ ! -e /nowhere ]; then echo up; sleep 300 & wait; fi'],
      },
    };
    const project = await gitlab.addProject({
      path: 'group/slow',
      owner: dev,
      files: { '.gitlab-ci.yml': stringify(configuration) },
    });
    await gitlab.push(project, 'feature', { files: { a: '' }, message: 'A', author: dev });
    await gitlab.openMergeRequest(project, { sourceBranch: 'feature', title: 'A', author: dev });
    const pipeline = gitlab.pipelines(project)[0] as Pipeline;
    const job = ci.job(pipeline.id, 'slow');
    await expect.poll(() => job.trace, { timeout: 10_000 }).toContain('\nup\n');

    await ci.cancelJob(job.id);
    expect(job).toMatchObject({ status: 'canceled', trace: expect.stringContaining('ended') });
    expect(pipeline.status).toBe('canceled');

    const again = ci.retryJob(job.id, dev);
    await expect.poll(() => again.trace, { timeout: 10_000 }).toContain('\nup\n');
    expect(pipeline.status).toBe('running');
    await ci.cancelPipeline(pipeline.id);
    expect(again.status).toBe('canceled');
  });

  it('ends what a script left running', async () => {
    const { pipeline } = await openWith({ left: { ...onMergeRequests, script: ['sleep 300 & echo "pid $!"'] } });
    const job = ci.job(pipeline.id, 'left');
    const pid = Number(/^pid (\d+)$/m.exec(job.trace)?.[1]);

    expect(job.status).toBe('success');
    expect(pid).toBeGreaterThan(1);
    const lives = () => {
      try {
        return process.kill(pid, 0);
      } catch {
        return false;
      }
    };
    await expect.poll(lives, { timeout: 5_000 }).toBe(false);
  });

  it('runs the merged result where the project has them', async () => {
    const { project, mergeRequest, pipeline } = await openWith(
      {
        show: {
          ...onMergeRequests,
          script: ['echo "$CI_MERGE_REQUEST_EVENT_TYPE $CI_MERGE_REQUEST_SOURCE_BRANCH_SHA"'],
        },
      },
      { mergedResults: true },
    );

    expect(pipeline.ref).toBe(`refs/merge-requests/${mergeRequest.iid}/merge`);
    expect(pipeline.sha).not.toBe(mergeRequest.sha);
    expect(ci.job(pipeline.id, 'show').trace).toContain(`merged_result ${mergeRequest.sha}`);
    expect(gitlab.pipelines(project).filter(({ source }) => source === 'merge_request_event')).toHaveLength(1);
  });

  it('makes branch pipelines, and none where there is no job or no configuration', async () => {
    const configuration = { push: { rules: [{ if: '$CI_COMMIT_BRANCH' }], script: ['echo "on $CI_COMMIT_BRANCH"'] } };
    ci = startRunner(gitlab);
    const { project, mergeRequest } = await openWith(configuration);
    const pushed = gitlab.pipelines(project).find(({ ref }) => ref === 'feature') as Pipeline;
    await ci.pipelineSettled(pushed.id);

    expect(ci.job(pushed.id, 'push').trace).toContain('on feature\n');
    expect(await ci.createMergeRequestPipeline(mergeRequest, dev)).toBeNull();
    const empty = await gitlab.addProject({ path: 'group/empty', owner: dev, files: { a: '' } });
    expect(await ci.createBranchPipeline(empty, 'main', dev)).toBeNull();
  });

  it('says what is wrong with a configuration', async () => {
    await expect(openWith({ broken: { ...onMergeRequests, script: 'x', nonsense: true } })).rejects.toThrow(/nonsense/);
  });
});
