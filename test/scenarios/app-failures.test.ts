import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodeProject, nodeServer, openWorld, type World } from '../support/world.ts';
import { lastLines } from './trace.ts';

let t: World;

beforeAll(async () => {
  t = await openWorld({ branchPipelines: false });
});
afterAll(() => t.close());

/** Opens a merge request whose app does this, and waits for how its job ends. */
async function deploy(branch: string, server: string, options: { appFile?: string; timeout?: string } = {}) {
  const appFile = options.appFile ?? 'start: node server.mjs\nhealth: /healthz\n';
  const ci = nodeProject(t.serviceUrl, { timeout: options.timeout ?? '1m' });
  const mr = await t.openMergeRequest(branch, {
    '.gitlab-ci.yml': ci['.gitlab-ci.yml'] as string,
    '.branch-deployment.yml': appFile,
    'server.mjs': server,
  });
  await t.settled();
  const job = t.deployJob(mr.iid);
  return { mr, job, note: t.note(mr.iid)?.body ?? '' };
}

const instancesOf = (iid: number) => t.instances().filter((name) => name.startsWith(`mr-${iid}-`));

describe('an app that does not come up', () => {
  it('exits at once: the job fails, and ends with what the app printed last', async () => {
    const { mr, job, note } = await deploy(
      'exits',
      `console.log('Reading settings');\nconsole.error('Error: no DATABASE_URL\\n    at <anonymous>');\nprocess.exitCode = 7;\n`,
    );
    expect(job).toMatchObject({ status: 'failed', exitCode: 1 });
    expect(job?.trace).toContain('==> Failed: the app ended with exit code 7');
    expect(lastLines(job, 4)).toEqual([
      '==> The last lines that it printed:',
      'Reading settings',
      'Error: no DATABASE_URL',
      '    at <anonymous>',
    ]);
    expect(note).toContain('the app ended with exit code 7');
    expect(note).toMatch(
      /<details>[\s\S]*Reading settings\nError: no DATABASE_URL\n {4}at <anonymous>[\s\S]*<\/details>/,
    );
    expect(instancesOf(mr.iid)).toEqual([]);
  });

  it('is killed by a signal', async () => {
    const { job } = await deploy('killed', `process.kill(process.pid, 'SIGSEGV');\n`);
    expect(job).toMatchObject({ status: 'failed', exitCode: 1 });
    expect(job?.trace).toMatch(/==> Failed: the app ended with exit code 139\n.*\nSegmentation fault\n/);
  });

  it('never listens', async () => {
    const { mr, job, note } = await deploy('deaf', `console.log('thinking');\nsetInterval(() => {}, 1000);\n`, {
      timeout: '3s',
    });
    expect(job).toMatchObject({ status: 'failed', exitCode: 1 });
    expect(job?.trace).toMatch(
      /\n==> Failed: It was not healthy within 3\.0 s: GET \/healthz on port \d+: nothing listens there yet\.\n/,
    );
    expect(lastLines(job, 1)).toEqual(['thinking']);
    expect(note).toContain('It was not healthy within 3');
    expect(instancesOf(mr.iid)).toEqual([]);
  });

  it('listens on a port of its own: the message names it', async () => {
    const { job } = await deploy(
      'wrong-port',
      `import { createServer } from 'node:http';
const server = createServer((_, res) => res.end('ok')).listen(0, '127.0.0.1', () => console.log('port', server.address().port));
`,
      { timeout: '3s' },
    );
    expect(job).toMatchObject({ status: 'failed', exitCode: 1 });
    const port = /^port (\d+)$/m.exec(job?.trace ?? '')?.[1];
    expect(job?.trace).toContain(`Its processes listen on port ${port}: the app must listen on $HOST and $PORT.`);
  });

  it('answers its health check with an error', async () => {
    const { job } = await deploy(
      'ill',
      `import { createServer } from 'node:http';
createServer((_, res) => { res.statusCode = 500; res.end('no'); }).listen(process.env.PORT, process.env.HOST);
`,
      { timeout: '3s' },
    );
    expect(job).toMatchObject({ status: 'failed', exitCode: 1 });
    expect(lastLines(job, 1)).toEqual([
      '==> Failed: It was not healthy within 3.0 s: GET /healthz answers 500; 2xx or 3xx is needed.',
    ]);
  });

  it.each(['setup', 'prepare'])('has a %s that fails', async (step) => {
    const { mr, job, note } = await deploy(`bad-${step}`, nodeServer('never'), {
      appFile: `${step}: echo compiling && echo "fatal - no space" >&2 && exit 9\nstart: node server.mjs\n`,
    });
    expect(job).toMatchObject({ status: 'failed', exitCode: 1 });
    expect(job?.trace).toMatch(new RegExp(`==> Failed: ${step}.*exit code 9`));
    expect(lastLines(job, 2)).toEqual(['compiling', 'fatal - no space']);
    expect(note).toContain('fatal - no space');
    expect(note).toMatch(/exit code 9/);
    expect(instancesOf(mr.iid)).toEqual([]);
  });
});

describe('a push that breaks a working preview', () => {
  it('leaves the one before in service, says so, and is mended by the next', async () => {
    const { mr } = await deploy('break', nodeServer('works'));
    const url = t.previewUrl(mr.iid);
    const pid = (await t.preview(url, { path: '/pid' })).body;

    await t.push('break', { 'server.mjs': `throw new Error('broken import')` }, { message: 'Break it' });
    await t.settled();
    const job = t.deployJob(mr.iid);
    expect(job).toMatchObject({ status: 'failed', exitCode: 1 });
    expect(job?.trace).toContain(`==> The revision before goes on serving: ${url}`);
    expect(lastLines(job, 30).join('\n')).toContain('Error: broken import');
    expect((await t.preview(url, { path: '/pid' })).body).toBe(pid);
    expect(instancesOf(mr.iid)).toEqual([expect.stringMatching(/-r1$/)]);
    const note = t.note(mr.iid)?.body ?? '';
    expect(note).toContain('Failed');
    expect(note).toContain('Break it');
    expect(note).toContain('broken import');
    expect(note).toContain(`(${url})`);
    expect(t.gitlab.environment(t.project, `review/mr-${mr.iid}`)).toMatchObject({
      state: 'available',
      externalUrl: url,
    });

    await t.push('break', { 'server.mjs': nodeServer('mended') }, { message: 'Mend it' });
    await t.settled();
    expect(t.deployJob(mr.iid)).toMatchObject({ status: 'success', exitCode: 0 });
    expect(await t.preview(url)).toMatchObject({ status: 200, body: 'mended' });
    expect(instancesOf(mr.iid)).toEqual([expect.stringMatching(/-r3$/)]);
    expect(t.note(mr.iid)?.body).not.toContain('broken import');
  });
});
