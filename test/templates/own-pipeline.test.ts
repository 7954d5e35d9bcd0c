import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { expandFiles, mergeRequestPipeline, root } from './expand.ts';

const files = async () => ({
  '.gitlab-ci.yml': await readFile(join(root, '.gitlab-ci.yml'), 'utf8'),
  'templates/branch-deployment.yml': await readFile(join(root, 'templates/branch-deployment.yml'), 'utf8'),
});
const names = (jobs: ReadonlyArray<{ name: string }>) => jobs.map(({ name }) => name).sort();

describe("this project's own pipeline", () => {
  it('checks, tests, and looks for the jobs of the component of the same commit', async () => {
    const { jobs } = await expandFiles(await files(), mergeRequestPipeline);

    expect(names(jobs)).toEqual([
      'component',
      'component-test:deploy',
      'component-test:stop',
      'lint',
      'tests',
      'types',
    ]);
    for (const job of jobs.filter(({ name }) => name.startsWith('component-test:'))) {
      expect(job).toMatchObject({ when: 'manual', allowFailure: true });
    }
    const asserts = jobs.find(({ name }) => name === 'component')?.script.join('\n');
    for (const { name } of jobs.filter(({ environment }) => environment)) expect(asserts).toContain(name);
  });

  it.each(['1.0.0', '1.2.3-rc.1'])('makes a release of the tag %s', async (tag) => {
    const { jobs, expanded } = await expandFiles(await files(), { CI_PIPELINE_SOURCE: 'push', CI_COMMIT_TAG: tag });

    expect(names(jobs)).toContain('release');
    expect(expanded.release).toMatchObject({ release: { tag_name: '$CI_COMMIT_TAG' } });
  });

  it.each(['v1.0.0'])('makes no release of the tag %s', async (tag) => {
    const { jobs } = await expandFiles(await files(), { CI_PIPELINE_SOURCE: 'push', CI_COMMIT_TAG: tag });
    expect(names(jobs)).not.toContain('release');
  });

  it('says one version in the component and in package.json', async () => {
    const { version } = parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
    expect((await files())['templates/branch-deployment.yml']).toContain(`bd_component=${version}\n`);
  });
});
