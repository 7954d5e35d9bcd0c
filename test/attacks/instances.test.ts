import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CiDoor } from '../scenarios/ci-door.ts';
import { makeArchive } from '../store/bundles/archives.ts';
import type { MergeRequest } from '../support/gitlab/state.ts';
import { until } from '../support/poll.ts';
import { BOT_TOKEN, nodeServer, openWorld, SIGNING_TOKEN, type World } from '../support/world.ts';

// What another user's processes cannot read and change: test/runtimes/process-user.test.ts.

const SECRETS = {
  AWS_SECRET_ACCESS_KEY: 'aws-Vx5Lk2sT8nRz7cYb4DqW',
  DATABASE_URL: 'postgres://root:pg-Vx5Lk2sT8nRz7cYb@db/prod',
  CI_JOB_TOKEN: 'ci-Vx5Lk2sT8nRz7cYb4DqW',
  NODE_OPTIONS: '--title=of-the-service',
  LD_PRELOAD: '',
  GIT_ASKPASS: '/bin/false',
};
/** README, "The app": all that an app without values of its own gets; `PWD` is its shell's. */
const GIVEN =
  /^(PWD|PATH|LANG|LC_ALL|TZ|HOME|TMPDIR|HOST|PORT|(https?|no|all)_proxy|SSL_CERT_\w+|NODE_EXTRA_CA_CERTS|REQUESTS_CA_BUNDLE|PIP_\w+|UV_\w+|NPM_CONFIG_REGISTRY|BRANCH_DEPLOYMENT_\w+|DAGSTER_CLOUD_\w+|SETUPTOOLS_SCM_PRETEND_VERSION)$/i;

let t: World;
let door: CiDoor;
let mr: MergeRequest;
let url: string;

beforeAll(async () => {
  t = await openWorld({ pipelines: false, env: SECRETS });
  door = new CiDoor(t);
  mr = await t.openMergeRequest('feature', { 'README.md': 'x' });
  url = await run(mr, 'setup: env\nprepare: env\nstart: node server.mjs\nhealth: /healthz\n');
});
afterAll(() => t.close());

async function run(one: MergeRequest, appFile: string): Promise<string> {
  const token = await door.token(door.job(door.pipeline(one)));
  const begun = await door.deploy(token, one.iid);
  const files = [
    { path: '.branch-deployment.yml', content: appFile },
    { path: 'server.mjs', content: nodeServer('app') },
  ];
  await door.upload(token, makeArchive(files));
  const outcome = async () => /^exit (\d+)/m.exec((await door.call('GET', 'outcome', { token })).text)?.[1];
  expect(await until('the outcome', outcome)).toBe('0');
  return /^url (\S+)/m.exec(begun.text)?.[1] as string;
}

describe("leaked parent variables (GitLab #359955, #217451): nothing of the service's environment reaches a branch", () => {
  it('the running app has what the README says, and no more', async () => {
    const env = JSON.parse((await t.preview(url, { path: '/env' })).body) as Record<string, string>;
    expect(Object.keys(env).filter((name) => !GIVEN.test(name))).toEqual([]);
    expect(env.HOME).toContain(t.dataDir);
    const values = Object.values(env).join('\n');
    for (const secret of [...Object.values(SECRETS).filter(Boolean), BOT_TOKEN, SIGNING_TOKEN])
      expect(values).not.toContain(secret);
  });

  it('nor do setup and prepare, whose output is in the log', async () => {
    const logs = join(t.dataDir, 'logs');
    const text = readdirSync(logs, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'))
      .join('');
    expect(text).toContain('BRANCH_DEPLOYMENT_SLUG=');
    for (const secret of [...Object.values(SECRETS).filter(Boolean), BOT_TOKEN, SIGNING_TOKEN])
      expect(text).not.toContain(secret);
  });
});

describe('what a branch says of its own environment', () => {
  it.each(['BRANCH_DEPLOYMENT_URL', 'DAGSTER_CLOUD_DEPLOYMENT_NAME', 'PORT', 'HOST'])(
    'never replaces %s, which the service gives',
    async (name) => {
      const other = await t.openMergeRequest(`names-${name}`, { 'README.md': name });
      const token = await door.token(door.job(door.pipeline(other)));
      await door.deploy(token, other.iid);
      const appFile = `start: node server.mjs\nenv: { ${name}: "http://evil.example" }\n`;
      const answer = await door.upload(token, makeArchive([{ path: '.branch-deployment.yml', content: appFile }]));
      expect(answer).toMatchObject({ status: 422, text: expect.stringContaining(name) });
    },
  );
});
