import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createPresets } from '../../../src/apps/presets.ts';
import type { DagsterSpec } from '../../../src/deployment/app-spec.ts';

const location = (name: string) => ({
  name,
  directory: name,
  load: { kind: 'module' as const, name },
  optional: false,
  setup: 'true',
  prepare: 'true',
});
const spec: DagsterSpec = {
  preset: 'dagster',
  directory: '.',
  env: { DSN: `\${DB_URL}/dev` },
  dotenv: { NPM_TOKEN: 'of .env' },
  variables: ['DB_URL'],
  timeoutMs: 1,
  remarks: [],
  changes: { baseArtifacts: ['target/manifest.json'] },
  locations: [{ ...location('etl'), dotenv: { DB_URL: 'of .env' } }, location('ml')],
};

it('code servers are given the variables, setup and prepare those for setup too, and the webserver none', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'dagster-variables-'));
  const presets = createPresets({ pythonDownloads: false, passEnv: { PATH: '/usr/bin' } });
  const launch = presets.presetFor(spec).launch(spec, {
    projectId: 42,
    app: '',
    env: {},
    variables: [
      { name: 'DB_URL', value: 'db://secret', file: false },
      { name: 'CERT', value: 'pem', file: true },
    ],
    setupVariables: [{ name: 'NPM_TOKEN', value: 'npm-1', file: false }],
  });
  const ports = { webserver: 1, 'location-0': 2, 'location-1': 3 };
  const folders = { tree: join(folder, 'tree'), work: '/work', data: join(folder, 'data'), shared: '/shared' };
  mkdirSync(folders.tree); // the branch's files lie there when its start is planned
  const plan = await launch.plan({ name: 'mr-7-shop-r1', ...folders, host: '127.0.0.1', ports });
  rmSync(folder, { recursive: true });

  const secret = { DB_URL: 'db://secret', CERT: '/work/variables/CERT', DSN: 'db://secret/dev' };
  const servers = plan.processes.filter(({ name }) => name.startsWith('code server'));
  expect(servers.map((one) => one.secret)).toEqual([secret, secret]);
  for (const { env } of servers) expect(env.BRANCH_DEPLOYMENT_BASE_DIR).toBe(join(folder, 'data', 'base'));
  for (const { env } of servers) expect(JSON.stringify(env)).not.toMatch(/secret|"DB_URL"/);
  const own = plan.steps.filter(({ name }) => /^(setup|prepare) of/.test(name));
  expect(own.map((one) => one.secret)).toEqual(Array(4).fill({ ...secret, NPM_TOKEN: 'npm-1' }));
  for (const other of [...plan.steps, ...plan.processes].filter((one) => ![...own, ...servers].includes(one)))
    expect(JSON.stringify(other)).not.toMatch(/secret|npm-1/);
  expect(plan.files).toContainEqual({ path: '/work/variables/CERT', content: 'pem' });
});
