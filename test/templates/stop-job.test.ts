import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CiService, startCiService } from './ci-service.ts';
import { runJob, shells } from './job.ts';

describe.each(shells)('the stop job under $name', (shell) => {
  let service: CiService;
  beforeEach(async () => {
    service = await startCiService();
  });
  afterEach(() => service.stop());

  it('asks the service to stop, and prints what it says', async () => {
    const run = await runJob('stop', service.url, { shell, variables: { BRANCH_DEPLOYMENT_INPUT_APP: 'shop' } });

    expect(run).toMatchObject({ exitCode: 0, output: 'The deployment is being removed.\n', leftovers: [] });
    expect(service.requests.map((request) => Object.fromEntries(request.form))).toEqual([
      { merge_request_iid: '7', merge_request_project_id: '42', app: 'shop' },
    ]);
  });

  it('does nothing unless a person started it', async () => {
    const run = await runJob('stop', service.url, { shell, variables: { CI_JOB_MANUAL: '' } });

    expect(run.exitCode).toBe(2);
    expect(run.output).toContain('branch-deployment:stop was not started by a person, and does nothing.');
    expect(service.requests).toEqual([]);
  });

  it('prints a refusal and ends with 2', async () => {
    service.answer('POST stop', { status: 401, text: 'The ID token has expired. Run the job again.\n' });
    expect(await runJob('stop', service.url, { shell })).toMatchObject({
      exitCode: 2,
      output: 'The ID token has expired. Run the job again.\n',
    });
  });

  it('ends with 75 where the service cannot be reached', async () => {
    const { url } = service;
    await service.stop();
    expect(await runJob('stop', url, { shell })).toMatchObject({ exitCode: 75, pauses: [1, 2, 4, 8, 16, 32] });
  });
});
