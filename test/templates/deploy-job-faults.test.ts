import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CiService, startCiService } from './ci-service.ts';
import { onPath, runJob, shells } from './job.ts';

const preview = 'http://mr-7-shop-abcd1234.localhost:8080';

describe.each(shells)('what the deploy job does about faults under $name', (shell) => {
  let service: CiService;
  beforeEach(async () => {
    service = await startCiService();
  });
  afterEach(() => service.stop());

  it('prints a refusal as it stands and ends with 2', async () => {
    service.answer('POST deploy', {
      status: 403,
      text: 'The project group/shop is not allowed.\nAsk the operator to add it to BD_ALLOWED_PROJECTS.\n',
    });
    const run = await runJob('deploy', service.url, { shell });

    expect(run).toMatchObject({ exitCode: 2, pauses: [], leftovers: [] });
    expect(run.output).toBe(
      'The project group/shop is not allowed.\nAsk the operator to add it to BD_ALLOWED_PROJECTS.\n',
    );
  });

  it('tries again after a 5xx, a 429 and a closed connection, with the same request', async () => {
    service.answer(
      'POST deploy',
      { status: 503, text: 'starting' },
      { status: 429, text: 'slower', headers: { 'Retry-After': '17' } },
      'close',
      { text: `url ${preview}\nexit 0\n` },
    );
    const run = await runJob('deploy', service.url, { shell });

    expect(run).toMatchObject({ exitCode: 0, pauses: [1, 17, 4] });
    expect(run.output).toContain('The service answered with HTTP 503; trying again in 1 s.\n');
    expect(run.output).toContain('The service answered with HTTP 429; trying again in 17 s.\n');
    expect(run.output).toMatch(/The service could not be reached \(curl: .*\); trying again in 4 s\.\n/);
    expect(service.received('POST deploy').map((request) => request.form.get('merge_request_iid'))).toEqual([
      '7',
      '7',
      null,
      '7',
    ]);
  });

  it('ends with 75 where the service stays down', async () => {
    const { url } = service;
    await service.stop();
    const run = await runJob('deploy', url, { shell });

    expect(run).toMatchObject({ exitCode: 75, pauses: [1, 2, 4, 8, 16, 32], report: '', leftovers: [] });
    expect(run.output).toMatch(
      /also after trying again\. Nothing is wrong with your code: run this job again later\.\n$/,
    );
  });

  it('sends the archive again after a broken connection, unchanged', async () => {
    service.answer('PUT source', 'close', { status: 502, text: 'Bad Gateway' }, { text: `url ${preview}\n` });
    const run = await runJob('deploy', service.url, { shell, files: { 'server.js': 'x'.repeat(3_000_000) } });

    expect(run.exitCode).toBe(0);
    const [, second, third] = service.received('PUT source');
    expect(second?.body.equals(third?.body as Buffer)).toBe(true);
  });

  it('gives up on an upload that the service refuses', async () => {
    service.answer('PUT source', { status: 413, text: 'The archive has 600 MiB, and 512 MiB are allowed.' });
    const run = await runJob('deploy', service.url, { shell });

    expect(run).toMatchObject({ exitCode: 2, pauses: [] });
    expect(run.output).toMatch(/The archive has 600 MiB, and 512 MiB are allowed\.\n$/);
  });

  it('asks for the rest of the log where its connection broke', async () => {
    const text = 'setup: npm ci\nadded 12 packages – ok\nstart: node server.js\nhealthy\n';
    service.answer('GET log', { text, breakAfter: 20 }, { text, breakAfter: 40 }, { status: 503, text: '' }, { text });
    service.answer('GET outcome', { text: `url ${preview}\n` }, { text: `url ${preview}\n` }, { text: 'exit 0\n' });
    const run = await runJob('deploy', service.url, { shell });

    expect(run.exitCode).toBe(0);
    expect(service.received('GET log').map((request) => request.from)).toEqual([0, 20, 40, 40]);
    const shown = run.output
      .replace(/\n?The log's connection broke; trying again from byte \d+\.\n/g, '')
      .replace(/^[\s\S]*The code is there\.\n/, '');
    expect(shown).toBe(`${text}Preview: ${preview}\n`);
  });

  it('goes on with the log where it ended before the outcome was known', async () => {
    service.answer('GET log', { text: 'one\n' }, { text: 'one\ntwo\n' });
    service.answer('GET outcome', { text: `url ${preview}\n` }, { text: `url ${preview}\nexit 0\n` });
    const run = await runJob('deploy', service.url, { shell });

    expect(run.exitCode).toBe(0);
    expect(run.output).toContain('one\ntwo\n');
    expect(run.output).not.toContain('connection broke');
  });

  it('asks again where the log stays silent, as the connection may be dead', async () => {
    service.answer('GET log', { text: 'one\n', hold: () => {} }, { text: 'one\ntwo\n' });
    service.answer('GET outcome', { text: `url ${preview}\n` }, { text: `url ${preview}\nexit 0\n` });
    // A minute of silence, taken down to a second.
    const hasty = `#!/bin/sh\nfor a; do shift; [ "$a" != 60 ] || a=1; set -- "$@" "$a"; done\nexec ${onPath('curl')} "$@"\n`;
    const run = await runJob('deploy', service.url, { shell, tools: { curl: hasty } });

    expect(run.exitCode).toBe(0);
    expect(service.received('GET log').map((request) => request.from)).toEqual([0, 4]);
    expect(run.output).toContain('The code is there.\none\ntwo\nPreview: ');
  });

  it('ends with 75 where the outcome cannot be asked for any more', async () => {
    service.answer('GET outcome', { status: 503, text: 'The service is stopping.' });
    const run = await runJob('deploy', service.url, { shell });

    expect(run.exitCode).toBe(75);
    expect(run.output).toContain('The service is stopping.\n');
  });

  it.each([1, 2, 75])('ends with %i where the service says so', async (code) => {
    service.answer('PUT source', { text: `say This is why.\nexit ${code}\n` });
    const run = await runJob('deploy', service.url, { shell });

    expect(run).toMatchObject({ exitCode: code, report: '' });
    expect(run.output).toMatch(/This is why\.\n$/);
  });

  it('says that something else than the service answered', async () => {
    service.answer('POST deploy', { text: '<html>Welcome to nginx</html>\n' });
    expect(await runJob('deploy', service.url, { shell })).toMatchObject({
      exitCode: 2,
      output: expect.stringContaining('not as a Branch Deployments service does'),
    });
    service.answer('POST deploy', { status: 302, text: '', headers: { location: 'https://elsewhere.example.com' } });
    expect(await runJob('deploy', service.url, { shell })).toMatchObject({
      exitCode: 2,
      output: expect.stringContaining('answered with HTTP 302'),
    });
  });

  it('refuses a pipeline that belongs to no merge request, without asking the service', async () => {
    const run = await runJob('deploy', service.url, {
      shell,
      variables: { CI_MERGE_REQUEST_IID: '', CI_PIPELINE_SOURCE: 'push' },
    });

    expect(run.exitCode).toBe(2);
    expect(run.output).toBe(
      'This pipeline belongs to no merge request (source: push), and only a merge request gets a branch deployment.\n' +
        'Let the job run in merge-request pipelines only, in the input "rules" of the component:\n' +
        '  - if: $CI_PIPELINE_SOURCE == "merge_request_event"\n',
    );
    expect(service.requests).toEqual([]);
  });

  const wrong: Array<[string, Record<string, string>, string]> = [
    ['an app with capitals', { APP: 'Web' }, 'The input "app" is "Web": only lower-case letters, digits and dashes'],
    ['an app of 31 characters', { APP: 'a'.repeat(31) }, 'at most 30 characters are allowed'],
    ['a service without scheme', { SERVICE_URL: 'previews' }, 'which is no http or https URL'],
    [
      'a context outside',
      { CONTEXT: '../other' },
      'The input "context" is "../other": it must be a path from the root',
    ],
    [
      'an absolute directory',
      { DIRECTORY: '/etc' },
      'The input "directory" is "/etc": it must be a path from the root',
    ],
    ['a directory outside context', { CONTEXT: 'a', DIRECTORY: 'ab' }, '("ab") does not lie within "context" ("a")'],
    ['a context that is not there', { CONTEXT: 'dist', DIRECTORY: 'dist' }, 'the job has no such folder'],
    ['a directory that is not there', { DIRECTORY: 'web' }, '"directory" names "web", and the job has no such folder'],
  ];
  it.each(wrong)('says what is wrong with %s', async (_, inputs, message) => {
    const variables = Object.fromEntries(
      Object.entries(inputs).map(([key, value]) => [`BRANCH_DEPLOYMENT_INPUT_${key}`, value]),
    );
    const run = await runJob('deploy', service.url, { shell, variables, files: { 'a/x': '', 'ab/x': '' } });

    expect(run.exitCode).toBe(2);
    expect(run.output).toContain(message);
  });

  it('says which tool the image lacks', async () => {
    const without = await runJob('deploy', service.url, { shell, tools: { curl: null } });
    expect(without).toMatchObject({ exitCode: 2, output: expect.stringContaining('This job\'s image has no "curl"') });

    const small = await runJob('deploy', service.url, { shell, tools: { tar: '/bin/false' } });
    expect(small).toMatchObject({ exitCode: 2, output: expect.stringContaining('does not know --exclude') });
  });

  it('says that the ID token is missing', async () => {
    const run = await runJob('deploy', service.url, { shell, variables: { BRANCH_DEPLOYMENT_ID_TOKEN: '' } });
    expect(run).toMatchObject({ exitCode: 2, output: expect.stringContaining('keep the "id_tokens"') });
  });

  it('ends at once when it is canceled, leaves nothing, and shows its token on no command line', async () => {
    const held = new Promise<void>((resolve) => {
      service.answer('GET log', { text: 'waiting\n', hold: resolve });
    });
    let pid = 0;
    const running = runJob('deploy', service.url, {
      shell,
      onStart: (id) => {
        pid = id;
      },
    });
    await held;
    const lines = await commandLines();
    process.kill(pid, 'SIGTERM');

    expect(await running).toMatchObject({ exitCode: 143, leftovers: [] });
    expect(lines.filter((line) => line.includes(`${service.url}/api/ci/v1/log`))).not.toEqual([]);
    expect(lines.filter((line) => line.includes('header.claims.signature'))).toEqual([]);
  });
});

/** Command lines of all processes, as any user of the machine can read them. */
async function commandLines(): Promise<string[]> {
  const { stdout } = await promisify(execFile)('ps', ['-ww', '-e', '-o', 'args'], { maxBuffer: 2 ** 26 });
  return stdout.split('\n');
}
