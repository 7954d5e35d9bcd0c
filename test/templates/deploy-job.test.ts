import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CiService, startCiService } from './ci-service.ts';
import { namesIn, runJob, runnerShells, shells } from './job.ts';

const preview = 'http://mr-7-shop-abcd1234.localhost:8080';

describe.each([...shells, ...runnerShells])('the deploy job under $name', (shell) => {
  let service: CiService;
  beforeEach(async () => {
    service = await startCiService();
  });
  afterEach(() => service.stop());

  it('hands over the code, prints the log, and ends with the link', async () => {
    const run = await runJob('deploy', `${service.url}/`, { shell, files: { 'server.js': 'x', 'src/a.js': 'y' } });

    expect(run.output).toMatch(
      new RegExp(
        `^Preview: ${preview}\nDeploying commit 1234abcd of !7.\nPacked "." without .git .venv __pycache__ .tox node_modules: 1 KiB in \\d s.\n` +
          `Uploaded 1 KiB in \\d s.\nThe code is there.\nsetup: npm ci\nstart: node server.js\nhealthy\nPreview: ${preview}\n$`,
      ),
    );
    expect(run).toMatchObject({ exitCode: 0, report: `BRANCH_DEPLOYMENT_URL=${preview}\n`, leftovers: [] });
    expect(service.requests.map((request) => request.route)).toEqual([
      'POST deploy',
      'PUT source',
      'GET log',
      'GET outcome',
    ]);
    const [asked, sent] = service.requests;
    expect(Object.fromEntries(asked?.form ?? [])).toEqual({
      merge_request_iid: '7',
      merge_request_project_id: '42',
      event_type: 'detached',
      app: '',
      directory: '.',
      context: '.',
      container_image: '',
      external_url: '',
      variables: '',
      setup_variables: '',
      timeout: '15m',
    });
    for (const request of service.requests) {
      expect(request.headers).toMatchObject({
        authorization: 'Bearer header.claims.signature',
        'bd-component': '1.0.0',
      });
    }
    expect(sent?.headers['content-type']).toBe('application/gzip');
    expect(await namesIn(sent?.body as Buffer)).toEqual(['./server.js', './src/a.js']);
  });

  it('packs names with spaces, quotes, newlines and leading dashes, and leaves out .git and the patterns', async () => {
    const names = [
      '-rf',
      'a b/c d.txt',
      'it\'s "quoted"',
      'new\nline',
      '--checkpoint-action=exec=sh',
      '.gitignore',
      '.env',
      '$(touch pwned)',
    ];
    const excluded = [
      '.git/config',
      'sub/.git/HEAD',
      'node_modules/x.js',
      'a b/node_modules/y.js',
      'logs/today.log',
      '-cache/z',
    ];
    const run = await runJob('deploy', service.url, {
      shell,
      files: Object.fromEntries([...names, ...excluded].map((name) => [name, name])),
      variables: { BRANCH_DEPLOYMENT_INPUT_EXCLUDE: 'node_modules *.log -cache' },
    });

    expect(run).toMatchObject({ exitCode: 0 });
    const packed = await namesIn(service.received('PUT source')[0]?.body as Buffer);
    expect(packed).toEqual(names.map((name) => `./${name}`).sort());
  });

  it('packs only the context, at its path in the repository', async () => {
    await runJob('deploy', service.url, {
      shell,
      files: { 'apps/web/server.js': '', 'apps/web/lib/x.js': '', 'apps/api/y.js': '', 'README.md': '' },
      variables: { BRANCH_DEPLOYMENT_INPUT_CONTEXT: 'apps/web/', BRANCH_DEPLOYMENT_INPUT_DIRECTORY: './apps//web/lib' },
    });

    expect(await namesIn(service.received('PUT source')[0]?.body as Buffer)).toEqual([
      './apps/web/lib/x.js',
      './apps/web/server.js',
    ]);
    expect(Object.fromEntries(service.requests[0]?.form ?? [])).toMatchObject({
      context: 'apps/web',
      directory: 'apps/web/lib',
    });
  });

  it('names the variable of the report after the app', async () => {
    const run = await runJob('deploy', service.url, {
      shell,
      variables: { BRANCH_DEPLOYMENT_INPUT_APP: 'web-shop-2' },
    });

    expect(run.report).toBe(`BRANCH_DEPLOYMENT_URL=${preview}\nBRANCH_DEPLOYMENT_URL_WEB_SHOP_2=${preview}\n`);
  });

  it('does not execute what stands in inputs', async () => {
    const odd = `it's "$(touch pwned)" \`touch pwned\` & ; é`;
    const run = await runJob('deploy', service.url, {
      shell,
      files: { [`${odd}/server.js`]: '' },
      variables: {
        BRANCH_DEPLOYMENT_INPUT_DIRECTORY: odd,
        BRANCH_DEPLOYMENT_INPUT_CONTAINER_IMAGE: '@/etc/passwd',
        BRANCH_DEPLOYMENT_INPUT_VARIABLES: 'A $(touch pwned) *',
        BRANCH_DEPLOYMENT_INPUT_TIMEOUT: '"; exit 3',
      },
    });

    expect(run.exitCode).toBe(0);
    expect(Object.fromEntries(service.requests[0]?.form ?? [])).toMatchObject({
      directory: odd,
      container_image: '@/etc/passwd',
      variables: 'A $(touch pwned) *',
      timeout: '"; exit 3',
    });
    expect(await namesIn(service.received('PUT source')[0]?.body as Buffer)).toEqual([`./${odd}/server.js`]);
  });

  it('ends with the log where the app failed', async () => {
    service.answer('GET log', { text: 'start: node server.js\nError: no such module "x"\n' });
    service.answer('GET outcome', { text: `exit 1\nurl ${preview}\n` });
    const run = await runJob('deploy', service.url, { shell });

    expect(run).toMatchObject({ exitCode: 1, report: '' });
    expect(run.output).toMatch(/start: node server.js\nError: no such module "x"\n$/);
    expect(run.output.indexOf(preview)).toBeLessThan(run.output.indexOf('Error:'));
  });

  it('ends well with the link where a newer push took over', async () => {
    service.answer('POST deploy', { text: `url ${preview}\nsay A newer push is there.\nexit 0\n` });
    const run = await runJob('deploy', service.url, { shell });

    expect(run).toMatchObject({ exitCode: 0, report: `BRANCH_DEPLOYMENT_URL=${preview}\n` });
    expect(run.output).toContain('A newer push is there.\n');
    expect(service.requests).toHaveLength(1);
  });

  it('follows the log without an upload where the service wants none', async () => {
    service.answer('POST deploy', { text: `url ${preview}\n` });
    const run = await runJob('deploy', service.url, {
      shell,
      variables: { BRANCH_DEPLOYMENT_INPUT_CONTAINER_IMAGE: 'registry.example.com/shop:1' },
    });

    expect(run.exitCode).toBe(0);
    expect(service.received('PUT source')).toEqual([]);
  });

  it('deploys nothing in a merge train, and keeps the link', async () => {
    service.answer('POST deploy', { text: `url ${preview}\nexit 0\n` });
    const run = await runJob('deploy', service.url, {
      shell,
      variables: { CI_MERGE_REQUEST_EVENT_TYPE: 'merge_train' },
    });

    expect(run).toMatchObject({ exitCode: 0, report: `BRANCH_DEPLOYMENT_URL=${preview}\n` });
    expect(run.output).toContain('This is a merge-train pipeline: it deploys nothing');
    expect(service.requests).toHaveLength(1);
  });
});
