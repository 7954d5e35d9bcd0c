import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CiService, startCiService } from './ci-service.ts';
import { onPath, runJob, runnerShells, shells } from './job.ts';

const KEY = `it's "$(touch pwned)" & 100% \\n\n second line+/=é`;

describe.each([...shells, ...runnerShells])('variables that the deploy job hands over, under $name', (shell) => {
  let service: CiService;
  let folder: string;
  beforeEach(async () => {
    service = await startCiService();
    folder = await mkdtemp(join(tmpdir(), 'handed-'));
  });
  afterEach(async () => {
    await service.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const sent = () => Object.fromEntries(service.received('POST deploy')[0]?.form ?? []);

  it('go to the service as they are: a file as what is in it, nothing of those that are not set or not named', async () => {
    const spy = join(folder, 'spy');
    const run = await runJob('deploy', service.url, {
      shell,
      files: { 'server.js': 'x', '../project.tmp/CERT': 'line one\nline two\n' },
      variables: {
        BRANCH_DEPLOYMENT_INPUT_VARIABLES: 'API_KEY  EMPTY\nCERT UNSET $(touch) 1X',
        BRANCH_DEPLOYMENT_INPUT_SETUP_VARIABLES: 'API_KEY CI_JOB_TOKEN',
        API_KEY: KEY,
        EMPTY: '',
        CI_JOB_TOKEN: 'glcbt-1',
        OTHER: 'not named',
        CI_PROJECT_DIR: '$project',
        CERT: '$project.tmp/CERT',
        SPY: spy,
      },
      tools: {
        curl: `#!/bin/sh\nprintf '%s\\n' "$@" >>"$SPY"\nfor a; do case $a in *@/*) /bin/ls -l "\${a#*@}" >>"$SPY" ;; esac; done\nexec ${onPath('curl')} "$@"\n`,
      },
    });

    expect(run).toMatchObject({ exitCode: 0, leftovers: [] });
    expect(sent()).toMatchObject({ setup_variables: 'API_KEY CI_JOB_TOKEN', 'value.API_KEY': KEY });
    expect(Object.keys(sent()).filter((key) => /^(value|file)\./.test(key))).toEqual([
      'value.API_KEY',
      'value.EMPTY',
      'file.CERT',
      'value.CI_JOB_TOKEN',
    ]);
    expect(sent()).toMatchObject({ 'value.EMPTY': '', 'file.CERT': 'line one\nline two\n' });
    const seen = await readFile(spy, 'utf8');
    expect(seen.match(/^-rw-------/gm)).toHaveLength(4);
    for (const text of [run.output, seen])
      for (const value of [KEY.split('\n')[0] as string, 'second line', 'glcbt-1', 'line one'])
        expect(text).not.toContain(value);
  });

  it('of more than 64 KiB are refused before they are sent', async () => {
    const run = await runJob('deploy', service.url, {
      shell,
      variables: { BRANCH_DEPLOYMENT_INPUT_VARIABLES: 'A B', A: 'a'.repeat(40_000), B: 'b'.repeat(30_000) },
    });

    expect(run).toMatchObject({ exitCode: 2, leftovers: [] });
    expect(run.output).toContain('are larger than 64 KiB together: name fewer, or shorten B.');
    expect(service.requests).toEqual([]);
  });
});
