import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lastLines } from '../scenarios/trace.ts';
import { entriesIn } from '../support/entries-in.ts';
import { componentInclude, nodeServer, openWorld, type World } from '../support/world.ts';

// How inputs reach the script: test/templates/inputs.test.ts. That the app file's values are text: test/apps/environment.test.ts.

let t: World;
let folder: string;
/** A file that each of the commands would make; jobs and apps know it as $CANARY. */
let canary: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bd-canary-'));
  canary = join(folder, 'made');
  t = await openWorld({ branchPipelines: false, env: { CANARY: canary, BD_PASS_ENV: 'CANARY' } });
  const variable = { key: 'CANARY', value: canary, type: 'env_var', environmentScope: '*' } as const;
  t.project.variables.push({ ...variable, protected: false, masked: false });
});
afterAll(async () => {
  await t.close();
  rmSync(folder, { recursive: true, force: true });
});

function expectNothingMade(): void {
  expect(existsSync(canary)).toBe(false);
  for (const place of [process.cwd(), t.dataDir])
    expect(entriesIn(place, ['node_modules', '.git']).filter((path) => /(^|\/)pwned/.test(path))).toEqual([]);
}

const APP = `setup: "true"
prepare: echo "$DAGSTER_CLOUD_GIT_BRANCH" "$DAGSTER_CLOUD_GIT_MESSAGE"
start: node server.mjs
env: { BRANCH: "\${DAGSTER_CLOUD_GIT_BRANCH}" }
`;
/** Takes hold of whatever shell reads it, quoted or not. */
const COMMAND = `$(touch\${IFS}$CANARY;touch\${IFS}pwned)\`touch\${IFS}$CANARY\`;touch\${IFS}$CANARY&&'"|touch\${IFS}$CANARY|"'`;

it('a shell that reads the command as one would make the file', () => {
  for (const script of [COMMAND, `echo "${COMMAND.slice(0, COMMAND.indexOf(';touch'))})"`]) {
    spawnSync('sh', ['-c', script], { cwd: folder, env: { PATH: process.env.PATH, CANARY: canary } });
    expect(existsSync(canary)).toBe(true);
    rmSync(canary);
  }
});

describe('CVE-2026-45628, CVE-2026-27130, CVE-2025-53376: nothing that a branch is called is run', () => {
  it('branch, folder, patterns, prefix, title, message and names: the pipeline deploys, and they are text', async () => {
    const directory = `it's "a" $(touch $CANARY; touch pwned) \`touch $CANARY\` ;touch pwned & -C {} #x`;
    t.dev.name = `$(touch ${canary}) \`touch ${canary}\`; touch ${canary}`;
    const mr = await t.openMergeRequest(
      `x${COMMAND}`,
      {
        '.gitlab-ci.yml': componentInclude(t.serviceUrl, {
          directory,
          context: directory,
          exclude: `$(touch\${IFS}$CANARY) \`touch\${IFS}$CANARY\` ;touch --checkpoint-action=exec=touch\${IFS}$CANARY '`,
          job_prefix: 'p$(touch pwned)`touch $CANARY`;touch pwned',
        }),
        [`${directory}/.branch-deployment.yml`]: APP,
        [`${directory}/server.mjs`]: nodeServer('text'),
        [`${directory}/-rf`]: 'a file',
        [`${directory}/$(touch pwned)`]: 'a file',
      },
      { title: `${COMMAND}\n${COMMAND}`, message: `${COMMAND}\n\n$(touch ${canary})\n\`touch ${canary}\`` },
    );
    await t.settled();
    const job = t.gitlab.pipelines(t.project)[0]?.jobs.find(({ name }) => name.endsWith(':deploy'));
    expect(job?.trace).toContain('Healthy after');
    expect(job).toMatchObject({ status: 'success', exitCode: 0 });
    const url = t.previewUrl(mr.iid);
    expect(await t.preview(url)).toMatchObject({ status: 200, body: 'text' });
    const env = JSON.parse((await t.preview(url, { path: '/env' })).body) as Record<string, string>;
    expect(env).toMatchObject({ CANARY: canary, BRANCH: `x${COMMAND}`, DAGSTER_CLOUD_GIT_BRANCH: `x${COMMAND}` });
    await t.gitlab.closeMergeRequest(mr, t.dev);
    await t.settled();
    expect(t.instances()).toEqual([]);
    expectNothingMade();
  });

  it.each([
    ['directory', '../$(touch $CANARY)', 'it must be a path from the root of the repository'],
    ['directory', `a\n$(touch $CANARY)`, 'must be a folder inside the repository'],
    ['context', COMMAND, 'does not lie within "context"'],
    ['timeout', COMMAND, 'must be a duration'],
    ['service_url', 'http://$(touch $CANARY)/`touch $CANARY`', ''],
    ['variables', COMMAND, 'the name of a variable has letters, digits and _ only'],
  ])('the input %s is refused as what it is: %j', async (input, value, text) => {
    const mr = await t.openMergeRequest(`input-${input}-${value.length}`, {
      '.gitlab-ci.yml': componentInclude(t.serviceUrl, { [input]: value }),
    });
    await t.settled();
    const job = t.deployJob(mr.iid);
    expect(job).toMatchObject({ status: 'failed', exitCode: 2 });
    expect(lastLines(job, 3).join('\n')).toContain(text);
    expectNothingMade();
  });
});
