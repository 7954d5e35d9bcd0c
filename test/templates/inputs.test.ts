import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import type { Configuration } from '../support/gitlab/pipelines/definition.ts';
import { expandVariables } from '../support/gitlab/pipelines/variables.ts';
import { expandFiles, mergeRequestPipeline } from './expand.ts';

const component = '$CI_SERVER_FQDN/platform/branch-deployments/branch-deployment@1.0.0';
const serviceUrl = 'https://previews.example.com';

/** Expands a configuration that includes the component once per set of inputs. */
function expandInputs(
  includes: Array<Record<string, unknown>>,
  rest: Record<string, unknown> = {},
  variables?: Record<string, string>,
) {
  const include = includes.map((inputs) => ({ component, inputs: { service_url: serviceUrl, ...inputs } }));
  return expandFiles({ '.gitlab-ci.yml': stringify({ include, ...rest }) }, variables);
}

const expandedJob = (configuration: Configuration, name: string) =>
  configuration.expanded[name] as Record<string, unknown> & { variables: Record<string, string> };

/** What the job's script sees. */
function seen(configuration: Configuration, name: string, values: Record<string, string> = {}): Record<string, string> {
  const { variables } = expandedJob(configuration, name);
  return Object.fromEntries(
    Object.entries(variables).map(([key, value]) => [
      key.replace('BRANCH_DEPLOYMENT_INPUT_', ''),
      expandVariables(value, (known) => values[known]),
    ]),
  );
}

describe('the component', () => {
  it('adds a deploy job and a manual stop job with the URL of the service alone', async () => {
    const configuration = await expandInputs([{}]);

    expect(
      configuration.jobs.map(({ name, stage, when, allowFailure, needs }) => ({
        name,
        stage,
        when,
        allowFailure,
        needs,
      })),
    ).toEqual([
      { name: 'branch-deployment:deploy', stage: 'deploy', when: 'on_success', allowFailure: false, needs: [] },
      { name: 'branch-deployment:stop', stage: 'deploy', when: 'manual', allowFailure: true, needs: [] },
    ]);
    const [deploy, stop] = configuration.jobs;
    expect(deploy?.environment).toEqual({
      name: 'review/mr-$CI_MERGE_REQUEST_IID',
      url: '$BRANCH_DEPLOYMENT_URL',
      onStop: 'branch-deployment:stop',
      action: 'start',
      tier: 'development',
    });
    expect(stop?.environment).toMatchObject({
      name: 'review/mr-$CI_MERGE_REQUEST_IID',
      action: 'stop',
      url: undefined,
    });
    expect(deploy?.artifacts).toEqual({ paths: [], dotenv: '.branch-deployment-report.env' });
    expect(stop?.dependencies).toEqual([]);
    expect(stop?.variables).toMatchObject({ GIT_STRATEGY: 'none' });
    for (const job of configuration.jobs) {
      expect(job.idTokens).toEqual({ BRANCH_DEPLOYMENT_ID_TOKEN: serviceUrl });
      expect(expandedJob(configuration, job.name)).not.toHaveProperty('resource_group');
    }
    expect(seen(configuration, 'branch-deployment:deploy')).toEqual({
      SERVICE_URL: serviceUrl,
      APP: '',
      DIRECTORY: '.',
      CONTEXT: '.',
      EXCLUDE: '.venv __pycache__ .tox node_modules',
      CONTAINER_IMAGE: '',
      EXTERNAL_URL: '',
      VARIABLES: '',
      SETUP_VARIABLES: '',
      TIMEOUT: '15m',
    });
  });

  it('adds nothing to branch pipelines and merge trains', async () => {
    const build = { build: { script: ['true'] } };
    const train = { ...mergeRequestPipeline, CI_MERGE_REQUEST_EVENT_TYPE: 'merge_train' };
    for (const variables of [{ CI_PIPELINE_SOURCE: 'push', CI_COMMIT_BRANCH: 'main' }, train]) {
      expect((await expandInputs([{}], build, variables)).jobs.map(({ name }) => name)).toEqual(['build']);
    }
  });

  it('hands inputs with spaces, quotes, colons and dollars to the script as they are', async () => {
    const odd = `my "app's" $HOME $(touch x): #1 \${CI} \\n {a}`;
    const configuration = await expandInputs([
      { directory: odd, context: odd, exclude: odd, variables: odd, setup_variables: odd, timeout: odd },
    ]);

    expect(seen(configuration, 'branch-deployment:deploy', { HOME: '/root', CI: 'true' })).toMatchObject({
      DIRECTORY: odd,
      CONTEXT: odd,
      EXCLUDE: odd,
      VARIABLES: odd,
      SETUP_VARIABLES: odd,
      TIMEOUT: odd,
    });
    expect(JSON.stringify(expandedJob(configuration, 'branch-deployment:deploy').script)).not.toContain('touch x');
  });

  it('expands variables in the URL, the image and the environment', async () => {
    const configuration = await expandInputs([
      {
        service_url: '$PREVIEWS_URL',
        container_image: '$CI_REGISTRY_IMAGE:$CI_COMMIT_SHA',
        external_url: 'https://mr-$CI_MERGE_REQUEST_IID.example.com',
        environment_name: 'preview/$CI_MERGE_REQUEST_SOURCE_BRANCH_NAME',
      },
    ]);
    const values = {
      PREVIEWS_URL: serviceUrl,
      CI_REGISTRY_IMAGE: 'registry.example.com/shop',
      CI_COMMIT_SHA: 'abc',
      CI_MERGE_REQUEST_IID: '7',
    };

    expect(seen(configuration, 'branch-deployment:deploy', values)).toMatchObject({
      SERVICE_URL: serviceUrl,
      CONTAINER_IMAGE: 'registry.example.com/shop:abc',
      EXTERNAL_URL: 'https://mr-7.example.com',
    });
    expect(configuration.jobs[0]?.environment?.name).toBe('preview/$CI_MERGE_REQUEST_SOURCE_BRANCH_NAME');
  });

  it('takes lists for rules and needs', async () => {
    const rules = [
      { if: '$CI_MERGE_REQUEST_LABELS =~ /no preview/', when: 'never' },
      { if: '$CI_PIPELINE_SOURCE == "merge_request_event"', exists: ['server.js', '.gitlab-ci.yml'] },
    ];
    const needs = ['build', { job: 'docs', artifacts: false, optional: true }];
    const rest = { build: { stage: 'build', script: ['make'] }, docs: { stage: 'build', script: ['make docs'] } };
    const configuration = await expandInputs([{ rules, needs }], rest);

    const [deploy, stop] = configuration.jobs;
    expect(deploy?.needs).toEqual([
      { job: 'build', artifacts: true, optional: false },
      { job: 'docs', artifacts: false, optional: true },
    ]);
    expect(stop).toMatchObject({ when: 'manual', allowFailure: true, needs: [] });
    expect(expandedJob(configuration, 'branch-deployment:deploy').rules).toEqual(rules);
    expect(expandedJob(configuration, 'branch-deployment:stop').rules).toEqual(rules);

    const labelled = { ...mergeRequestPipeline, CI_MERGE_REQUEST_LABELS: 'bug,no preview' };
    expect((await expandInputs([{ rules, needs }], rest, labelled)).jobs.map(({ name }) => name)).toEqual([
      'build',
      'docs',
    ]);
  });

  it('serves two apps of one project side by side', async () => {
    const configuration = await expandInputs([
      { directory: 'apps/web' },
      {
        app: 'docs-2',
        job_prefix: "docs it's $x",
        environment_name: 'review/mr-$CI_MERGE_REQUEST_IID-docs',
        directory: 'docs',
        stage: 'test',
      },
    ]);

    expect(configuration.jobs.map(({ name }) => name)).toEqual([
      'branch-deployment:deploy',
      'branch-deployment:stop',
      "docs it's $x:deploy",
      "docs it's $x:stop",
    ]);
    expect(configuration.jobs.map(({ environment }) => environment?.name)).toEqual([
      'review/mr-$CI_MERGE_REQUEST_IID',
      'review/mr-$CI_MERGE_REQUEST_IID',
      'review/mr-$CI_MERGE_REQUEST_IID-docs',
      'review/mr-$CI_MERGE_REQUEST_IID-docs',
    ]);
    expect(configuration.jobs[2]?.environment?.onStop).toBe("docs it's $x:stop");
    expect(seen(configuration, 'branch-deployment:deploy')).toMatchObject({ APP: '', DIRECTORY: 'apps/web' });
    expect(seen(configuration, "docs it's $x:deploy")).toMatchObject({ APP: 'docs-2', DIRECTORY: 'docs' });
    expect(seen(configuration, "docs it's $x:stop")).toMatchObject({ APP: 'docs-2' });
  });

  it("takes the project's default tags, and nothing else of its defaults", async () => {
    const configuration = await expandInputs([{ image: 'alpine/curl:8.14.1' }], {
      default: {
        image: 'python:3.12',
        before_script: ['echo leaked'],
        after_script: ['echo leaked'],
        cache: { paths: ['leaked/'] },
        services: ['postgres:16'],
        retry: 2,
        timeout: '5 minutes',
        interruptible: true,
        tags: ['docker', 'eu'],
        artifacts: { paths: ['leaked/'] },
      },
    });

    for (const name of ['branch-deployment:deploy', 'branch-deployment:stop']) {
      const job = expandedJob(configuration, name);
      expect(job).toMatchObject({
        image: { name: 'alpine/curl:8.14.1' },
        tags: ['docker', 'eu'],
        before_script: [],
        after_script: [],
        cache: [],
      });
      for (const keyword of ['services', 'retry', 'timeout', 'interruptible']) expect(job).not.toHaveProperty(keyword);
      expect(JSON.stringify(job)).not.toContain('leaked');
    }
  });

  const wrong: Array<[string, Record<string, unknown>, RegExp]> = [
    ['an app with capitals', { app: 'Web' }, /`app` input: `Web` does not match required regex/],
    ['an app of 31 characters', { app: 'a'.repeat(31) }, /`app` input: .* does not match required regex/],
    ['a prefix that hides the jobs', { job_prefix: '.hidden' }, /`job_prefix` input: `.hidden` does not match/],
    ['rules that are no list', { rules: 'always' }, /`rules` input: provided value is not a array/],
    ['no URL of the service', { service_url: undefined }, /`service_url` input: required value has not been provided/],
  ];
  it.each(wrong)('is refused by GitLab with %s', async (_, inputs, message) => {
    await expect(expandInputs([inputs])).rejects.toThrow(message);
  });
});
