import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { entriesIn } from '../support/entries-in.ts';
import type { MergeRequest } from '../support/gitlab/state.ts';
import { knowSecret } from '../support/secret-search/output.ts';
import { surroundings } from '../support/surroundings.ts';
import { BOT_TOKEN, componentInclude, openWorld, type World } from '../support/world.ts';

const secret = () => randomBytes(18).toString('base64');
const API_KEY = `ak_${secret()}`;
const DB_URL = `postgres://app:${encodeURIComponent(secret())}@db/dev`;
const NPM_TOKEN = `npm_${secret()}`;
const CERT = `-----BEGIN KEY-----\n${secret()}\n${secret()}\n-----END KEY-----\n`;
const SHARED = `shared ${secret()}`;
const SECRETS = { API_KEY, DB_URL, NPM_TOKEN, CERT, SHARED };

/** Names of the secrets that a text shows: as they are, a line of them, in URL encoding, in base64 alone or behind "user:". */
function shown(text: string): string[] {
  const spellings = (value: string) => [
    value,
    encodeURIComponent(value),
    Buffer.from(value).toString('base64').slice(0, -4),
    Buffer.from(`user:${value}`).toString('base64').slice(8, -4),
  ];
  return Object.entries(SECRETS).flatMap(([name, value]) =>
    [value.trim(), ...value.split('\n')]
      .filter((part) => part.length >= 8)
      .flatMap(spellings)
      .some((one) => text.includes(one))
      ? [name]
      : [],
  );
}

const APP_FILE = `setup: node say.mjs setup
prepare: node say.mjs prepare
start: node server.mjs
health: /healthz
env: { DSN: "\${DB_URL}?schema=\${BRANCH_DEPLOYMENT_SLUG}", MODE: preview, UNSET: "<\${MISSING}>" }
`;

/** Prints what it was given in many spellings. */
const SAY = `import { readFileSync } from 'node:fs';
const all = [process.env.API_KEY, process.env.DB_URL, process.env.NPM_TOKEN, process.env.SHARED, readFileSync(process.env.CERT, 'utf8')].filter(Boolean);
for (const text of all) {
  console.log(process.argv[2], text, Buffer.from('user:' + text).toString('base64'), encodeURIComponent(text), JSON.stringify({ text }));
}
console.error(process.argv[2] + ' has setup variables: ' + ('NPM_TOKEN' in process.env) + ' ' + ('SETUP_FILE' in process.env && readFileSync(process.env.SETUP_FILE, 'utf8').length));
`;
const SERVER = `import './say.mjs';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
const { BRANCH_DEPLOYMENT_DATA_DIR: data, CERT } = process.env;
writeFileSync(data + '/env.json', JSON.stringify({ env: process.env, cert: readFileSync(CERT, 'utf8'), mode: statSync(CERT).mode & 0o777 }));
const half = process.env.API_KEY.length - 5;
process.stdout.write('halves ' + process.env.API_KEY.slice(0, half));
setTimeout(() => {
  console.log(process.env.API_KEY.slice(half) + ' end of halves');
  createServer((req, res) => res.end('ok')).listen(Number(process.env.PORT), process.env.HOST);
}, 300);
`;
const FILES = {
  '.branch-deployment.yml': APP_FILE,
  'say.mjs': SAY,
  'server.mjs': SERVER,
  '.env': 'SHARED=of the repository\nOTHER=dotenv\nBRANCH_DEPLOYMENT_SLUG=prod\n',
};

let t: World;
let mr: MergeRequest;
let given: { readonly env: Record<string, string>; readonly cert: string; readonly mode: number };

beforeAll(async () => {
  const env = { BD_SECRET_KEY: randomBytes(32).toString('base64') };
  const inputs = {
    variables: 'API_KEY DB_URL SHARED CERT MISSING OF_PRODUCTION',
    setup_variables: 'NPM_TOKEN SETUP_FILE CI_JOB_TOKEN',
  };
  const project = (url: string) => ({ '.gitlab-ci.yml': componentInclude(url, inputs), ...FILES });
  t = await openWorld({ branchPipelines: false, env, project });
  const set = (key: string, value: string, type: 'env_var' | 'file' = 'env_var', environmentScope = 'review/*') =>
    t.project.variables.push({ key, value, type, environmentScope, protected: false, masked: false });
  for (const [key, value] of Object.entries(SECRETS)) {
    set(key, value, key === 'CERT' ? 'file' : 'env_var');
    knowSecret(key, value);
  }
  set('SETUP_FILE', 'registry=x\n', 'file');
  set('OF_PRODUCTION', 'production', 'env_var', 'production');
  mr = await t.openMergeRequest('orders', { 'README.md': 'orders' });
  await t.settled();
  const path = join(t.dataDir, 'deployments', t.instances()[0]?.replace(/-r1$/, '') ?? '', 'env.json');
  given = JSON.parse(readFileSync(path, 'utf8'));
  // The app wrote it, not the service: what is searched below is the service's.
  rmSync(path);
});
afterAll(() => t.close());

const trace = (iid: number) => t.deployJob(iid)?.trace ?? '';

describe('the variables that the component names', () => {
  it('are in the environment of the app, which is all that README "What the app is given" lists', () => {
    const name = t.instances()[0]?.replace(/-r1$/, '') ?? '';
    const instance = join(t.dataDir, 'instances', `${name}-r1`);
    const commit = t.gitlab.state.mergeRequests[0]?.sha ?? '';
    // What a shell adds by itself.
    const { PWD, OLDPWD, SHLVL, _, ...env } = given.env;
    const passed = Object.fromEntries(
      Object.entries(surroundings()).filter(([one]) =>
        /^(PATH|LANG|TZ|https?_proxy|no_proxy|SSL_CERT_(FILE|DIR)|NODE_EXTRA_CA_CERTS|REQUESTS_CA_BUNDLE|PIP_(CERT|INDEX_URL|FIND_LINKS)|UV_(INDEX_URL|DEFAULT_INDEX|PYTHON_INSTALL_MIRROR)|NPM_CONFIG_REGISTRY)$/i.test(
          one,
        ),
      ),
    );
    const slug = name.replaceAll('-', '_');
    expect(env).toEqual({
      ...passed,
      HOME: join(instance, 'home'),
      TMPDIR: join(instance, 'tmp'),
      HOST: '127.0.0.1',
      PORT: expect.stringMatching(/^\d+$/),
      API_KEY,
      DB_URL,
      SHARED,
      CERT: join(instance, 'work', 'variables', 'CERT'),
      DSN: `${DB_URL}?schema=${slug}`,
      MODE: 'preview',
      UNSET: '<>',
      OTHER: 'dotenv',
      BRANCH_DEPLOYMENT_URL: t.previewUrl(mr.iid),
      BRANCH_DEPLOYMENT_NAME: name,
      BRANCH_DEPLOYMENT_APP: '',
      BRANCH_DEPLOYMENT_SLUG: slug,
      BRANCH_DEPLOYMENT_DATA_DIR: join(t.dataDir, 'deployments', name),
      BRANCH_DEPLOYMENT_INSTANCE: `${name}-r1`,
      DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT: '1',
      DAGSTER_CLOUD_DEPLOYMENT_NAME: slug,
      DAGSTER_CLOUD_GIT_SHA: commit,
      DAGSTER_CLOUD_GIT_TIMESTAMP: expect.stringMatching(/^\d{10}$/),
      DAGSTER_CLOUD_GIT_AUTHOR_NAME: 'Dee Veloper',
      DAGSTER_CLOUD_GIT_AUTHOR_EMAIL: expect.stringContaining('@'),
      DAGSTER_CLOUD_GIT_MESSAGE: 'Change orders',
      DAGSTER_CLOUD_GIT_BRANCH: 'orders',
      DAGSTER_CLOUD_GIT_REPO: 'shop',
      DAGSTER_CLOUD_GIT_URL: `${t.gitlab.url}/data/shop`,
      DAGSTER_CLOUD_PULL_REQUEST_ID: String(mr.iid),
      DAGSTER_CLOUD_PULL_REQUEST_STATUS: 'OPEN',
      SETUPTOOLS_SCM_PRETEND_VERSION: '0.0.0',
    });
  });

  it('of type "file" are files that only the app may read; those for setup are gone', () => {
    expect(given).toMatchObject({ cert: CERT, mode: 0o600 });
    const work = join(t.dataDir, 'instances', t.instances()[0] ?? '', 'work');
    expect(readdirSync(join(work, 'setup-variables'))).toEqual([]);
  });

  it('for setup are there for setup and prepare, and for nothing else', () => {
    expect(trace(mr.iid)).toContain('setup has setup variables: true 11');
    expect(trace(mr.iid)).toContain('prepare has setup variables: true 11');
    expect(trace(mr.iid)).toContain('undefined has setup variables: false false');
  });

  it('that are not set are named in one line of the job', () => {
    const warnings = trace(mr.iid).match(/^warning: .*$/gm);
    expect(warnings).toEqual([
      expect.stringMatching(/^warning: not set in this job, so not handed over: MISSING, OF_PRODUCTION\./),
    ]);
  });
});

describe('their values are nowhere', () => {
  it("in the job's log, which has all other words of the app", () => {
    const text = trace(mr.iid);
    expect(text).toContain('halves [MASKED] end of halves');
    expect(text).toMatch(/^setup \[MASKED\] \S*\[MASKED\]\S* \[MASKED\] \{"text":"\[MASKED\]"\}$/m);
    expect(shown(text)).toEqual([]);
  });

  it('of a deployment that fails: note, API, pages, events', async () => {
    const failing = await t.openMergeRequest('failing', {
      'say.mjs': `${SAY}\nif (process.argv[2] === 'prepare') throw new Error('no access with ' + process.env.API_KEY + ' ' + process.env.NPM_TOKEN);`,
    });
    await t.settled();
    const ask = async (path: string) => {
      const response = await fetch(`${t.serviceUrl}/api/deployments${path}`, {
        headers: { 'private-token': BOT_TOKEN },
      });
      return response.text();
    };
    const { name } = (JSON.parse(await ask('')) as Array<{ name: string; merge_request: { iid: number } }>).find(
      (one) => one.merge_request.iid === failing.iid,
    ) as { name: string };
    const texts = [
      t.note(failing.iid)?.body ?? '',
      trace(failing.iid),
      await ask(`/${name}`),
      await ask(`/${name}/revisions`),
      await ask(`/${name}/log`),
      (await t.preview(t.serviceUrl.replace('localhost', `${name}.localhost`))).body,
    ];
    for (const text of texts) {
      expect(shown(text)).toEqual([]);
    }
    for (const text of [texts[0], texts[1], texts[4], texts[5]])
      expect(text).toContain('no access with [MASKED] [MASKED]');
  });

  it('on disk and in the log of the service, but for what the app itself prints and the files that it is given', async () => {
    const allowed = /\/instances\/[^/]+\/(output\.log|work\/variables\/CERT)$/;
    const found = entriesIn(t.dataDir)
      .map((path) => join(t.dataDir, path))
      .filter((path) => existsSync(path) && statSync(path).isFile() && !allowed.test(path))
      .filter((path) => shown(readFileSync(path, 'utf8')).length > 0);
    expect(found).toEqual([]);
    expect(shown(t.logLines.join(''))).toEqual([]);
  });
});
