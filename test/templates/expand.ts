import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Configuration } from '../support/gitlab/pipelines/definition.ts';
import { expandConfiguration } from '../support/gitlab/pipelines/expand-configuration.ts';

export const root = fileURLToPath(new URL('../../', import.meta.url));

const predefined = {
  CI_SERVER_FQDN: 'gitlab.example.com',
  CI_PROJECT_PATH: 'group/shop',
  CI_DEFAULT_BRANCH: 'main',
};
export const mergeRequestPipeline = {
  CI_PIPELINE_SOURCE: 'merge_request_event',
  CI_MERGE_REQUEST_IID: '7',
  CI_MERGE_REQUEST_EVENT_TYPE: 'detached',
};

/** Expands files of a project at its only commit; a configuration that GitLab's CI schema does not allow throws. */
export async function expandFiles(
  files: Record<string, string>,
  variables: Record<string, string> = mergeRequestPipeline,
): Promise<Configuration> {
  const folder = mkdtempSync(join(tmpdir(), 'configuration-'));
  try {
    const git = (...args: string[]) =>
      execFileSync('git', ['-C', folder, '-c', 'user.name=Dev', '-c', 'user.email=dev@example.com', ...args], {
        encoding: 'utf8',
      });
    git('init', '--quiet', '--initial-branch=main');
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), content);
    }
    git('add', '--all');
    git('commit', '--quiet', '--message=One');
    const sha = git('rev-parse', 'HEAD').trim();
    const configuration = await expandConfiguration(
      {
        repository: join(folder, '.git'),
        sha,
        projectUrl: 'https://gitlab.example.com/group/shop',
        componentRoot: root,
      },
      { ...predefined, CI_COMMIT_SHA: sha, ...variables },
    );
    if (configuration === null) throw new Error('no configuration');
    return configuration;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
