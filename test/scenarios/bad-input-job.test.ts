import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FileChange } from '../support/gitlab/git/commit.ts';
import { nodeProject, openWorld, startWorld, type World } from '../support/world.ts';
import { lastLines } from './trace.ts';

let t: World;

beforeAll(async () => {
  t = await openWorld({ branchPipelines: false });
});
afterAll(() => t.close());

/** The deploy job of a merge request with these inputs and files, once it has ended; its trace in lines. */
async function runJob(
  branch: string,
  options: {
    readonly inputs?: Readonly<Record<string, unknown>>;
    readonly files?: Readonly<Record<string, FileChange>>;
  },
) {
  const project = nodeProject(t.serviceUrl, options.inputs);
  const mr = await t.openMergeRequest(branch, {
    '.gitlab-ci.yml': project['.gitlab-ci.yml'] as string,
    ...options.files,
  });
  await t.settled();
  const job = t.deployJob(mr.iid);
  return { iid: mr.iid, status: job?.status, exitCode: job?.exitCode, trace: job?.trace ?? '' };
}

describe('a job that is set up wrongly ends with exit code 2, and its trace with what to change', () => {
  it('an input that is not there yet', async () => {
    const job = await runJob('image', { inputs: { container_image: 'app:1' } });
    expect(job).toMatchObject({ status: 'failed', exitCode: 2 });
    expect(lastLines(job, 1)).toEqual([
      'The input "container_image" is not there yet (running a container image): leave it out for now.',
    ]);
    expect(t.note(job.iid)).toBeUndefined();
  });

  it('a timeout that is none', async () => {
    const job = await runJob('timeout', { inputs: { timeout: 'soon' } });
    expect(job).toMatchObject({ status: 'failed', exitCode: 2 });
    expect(lastLines(job, 1)).toEqual(['The input "timeout" must be a duration like 90s, 15m or 1h.']);
  });

  it('a service URL by which the service does not know itself', async () => {
    const url = t.serviceUrl.replace('localhost', '127.0.0.1');
    const job = await runJob('audience', { inputs: { service_url: url } });
    expect(job).toMatchObject({ status: 'failed', exitCode: 2 });
    expect(lastLines(job, 1)).toEqual([
      `The ID token is meant for "${url}", but this service is "${t.serviceUrl}". Set the component's input service_url to ${t.serviceUrl}, or BD_PUBLIC_URL of the service to what the input says.`,
    ]);
  });

  it('nothing that is recognised', async () => {
    const job = await runJob('nothing', { files: { '.branch-deployment.yml': null, 'package.json': '{}' } });
    expect(job).toMatchObject({ status: 'failed', exitCode: 2 });
    expect(job.trace).toContain(
      'Else add the file .branch-deployment.yml, for a web application:\n\nstart: node server.js\n\nor for a Dagster project:\n',
    );
    expect(lastLines(job, 1)).toEqual(['  - { name: main, module: my_project.definitions }']);
    expect(t.note(job.iid)).toBeUndefined();
  });

  it('a key in the app file that nobody knows', async () => {
    const job = await runJob('typo', {
      files: { '.branch-deployment.yml': 'start: node server.mjs\nprepair: true\n' },
    });
    expect(job).toMatchObject({ status: 'failed', exitCode: 2 });
    expect(lastLines(job, 2)).toEqual([
      '.branch-deployment.yml cannot be used:',
      '  - line 2: prepair: unknown key; did you mean "prepare"?',
    ]);
  });

  it('a link in the repository that leaves it', async () => {
    const job = await runJob('link', {
      inputs: { directory: 'app', context: 'app' },
      files: {
        'app/.branch-deployment.yml': 'start: node server.mjs\n',
        'app/server.mjs': '',
        'app/data': { content: '../../../secrets', mode: '120000' },
      },
    });
    expect(job).toMatchObject({ status: 'failed', exitCode: 2 });
    expect(lastLines(job, 1)[0]).toContain(
      '"app/data" is a symbolic link that leaves the tree (to "../../../secrets")',
    );
    expect(t.bundles()).toEqual([]);
  });

  it('a pipeline of a branch', async () => {
    const project = nodeProject(t.serviceUrl, { rules: [{ if: '$CI_COMMIT_BRANCH' }] });
    await t.push('by-push', { '.gitlab-ci.yml': project['.gitlab-ci.yml'] as string });
    const pipeline = await t.ci.createBranchPipeline(t.project, 'by-push', t.dev);
    await t.settled();
    const job = t.ci.job(pipeline?.id ?? 0, 'branch-deployment:deploy');
    expect(job).toMatchObject({ status: 'failed', exitCode: 2 });
    expect(lastLines(job, 3)).toEqual([
      'This pipeline belongs to no merge request (source: push), and only a merge request gets a branch deployment.',
      'Let the job run in merge-request pipelines only, in the input "rules" of the component:',
      '  - if: $CI_PIPELINE_SOURCE == "merge_request_event"',
    ]);
  });
});

it('a job of a project that is not allowed ends with exit code 2', async () => {
  const other = await startWorld({ branchPipelines: false, env: { BD_ALLOWED_PROJECTS: 'other/*, data/shop-2' } });
  const mr = await other.openMergeRequest('feature', { 'README.md': 'x' });
  await other.settled();
  const job = other.deployJob(mr.iid);
  expect(job).toMatchObject({ status: 'failed', exitCode: 2 });
  expect(lastLines(job, 1)).toEqual([
    `The project data/shop (id ${other.project.id}) may not use this service. Its operator can add it to BD_ALLOWED_PROJECTS.`,
  ]);
});
