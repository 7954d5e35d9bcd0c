import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openWorld, type World } from '../support/world.ts';
import { CiDoor } from './ci-door.ts';

let t: World;
let door: CiDoor;

beforeAll(async () => {
  t = await openWorld({ pipelines: false });
  door = new CiDoor(t);
});
afterAll(() => t.close());

const refused = (status: number, text: string) => ({ status, text: `${text}\n` });
const open = (branch: string) => t.openMergeRequest(branch, { 'README.md': branch });

describe('a merge request that cannot be deployed', () => {
  it('is closed', async () => {
    const mr = await open('closed');
    const token = await door.token(door.job(door.pipeline(mr)));
    await t.gitlab.closeMergeRequest(mr, t.dev);
    expect(await door.deploy(token, mr.iid)).toEqual(
      refused(
        403,
        `Merge request !${mr.iid} is closed: only an open one gets a branch deployment. Reopen it, and run a new pipeline.`,
      ),
    );
  });

  it('is merged', async () => {
    const mr = await open('merged');
    const token = await door.token(door.job(door.pipeline(mr)));
    await t.gitlab.mergeMergeRequest(mr, t.dev);
    expect(await door.deploy(token, mr.iid)).toEqual(
      refused(403, `Merge request !${mr.iid} is merged: only an open one gets a branch deployment.`),
    );
  });

  it('comes from a fork, wherever its pipeline runs', async () => {
    const stranger = t.gitlab.addUser('stranger');
    const fork = await t.gitlab.fork(t.project, stranger);
    await t.gitlab.push(fork, 'evil', { files: { 'README.md': 'evil' }, author: stranger });
    const mr = await t.gitlab.openMergeRequest(t.project, {
      sourceBranch: 'evil',
      sourceProject: fork,
      author: stranger,
    });
    const token = await door.token(door.job(door.pipeline(mr)));
    expect(await door.deploy(token, mr.iid)).toEqual(
      refused(403, `Merge request !${mr.iid} comes from a fork: its code does not run here (BD_FORKS=never).`),
    );
    // As GitLab writes the token where the pipeline runs in the fork: the fork is not among the allowed projects.
    const theirs = t.gitlab.createPipeline({
      project: fork,
      sha: mr.sha,
      ref: 'evil',
      source: 'merge_request_event',
      user: stranger,
      mergeRequest: mr,
    });
    t.gitlab.addMember(fork, t.bot, 20);
    expect(await door.deploy(await door.token(door.job(theirs)), mr.iid)).toEqual(
      refused(
        403,
        `The project stranger/shop (id ${fork.id}) may not use this service. Its operator can add it to BD_ALLOWED_PROJECTS.`,
      ),
    );
  });
});

describe('a commit that is no longer the head', () => {
  it('ends well where a newer pipeline is there', async () => {
    const mr = await open('outrun');
    const token = await door.token(door.job(door.pipeline(mr)));
    const { sha } = await t.push('outrun', { 'README.md': 'newer' });
    const newer = door.pipeline(mr);
    const answer = await door.deploy(token, mr.iid);
    expect(answer.status).toBe(200);
    expect(answer.text).toMatch(/^url http:\/\/mr-/);
    expect(answer.text).toContain(
      `say A newer push is there (${sha.slice(0, 8)}, pipeline ${newer.id}): its job deploys, this one does nothing.\nexit 0\n`,
    );
    expect(answer.text).not.toContain('upload');
  });

  it('is refused where none is', async () => {
    const mr = await open('behind');
    const pipeline = door.pipeline(mr);
    await t.push('behind', { 'README.md': 'newer' });
    expect(await door.deploy(await door.token(door.job(pipeline)), mr.iid)).toEqual(
      refused(
        403,
        `This pipeline runs commit ${pipeline.sha.slice(0, 8)}, and the head of !${mr.iid} is ${mr.sha.slice(0, 8)}. Only the head is deployed: run a new pipeline for it.`,
      ),
    );
  });

  it('is waited for where GitLab only reads late', async () => {
    const mr = await open('stale');
    const { sha } = await t.push('stale', { 'README.md': 'newer' });
    const pipeline = door.pipeline(mr);
    mr.sha = '1'.repeat(40);
    setTimeout(() => {
      mr.sha = sha;
    }, 200);
    expect(await door.deploy(await door.token(door.job(pipeline)), mr.iid)).toMatchObject({
      status: 200,
      text: expect.stringMatching(/\nupload yes\n$/),
    });
  });
});

describe('inputs', () => {
  const deploy = async (branch: string, inputs: Readonly<Record<string, string>>) => {
    const mr = await open(branch);
    return door.deploy(await door.token(door.job(door.pipeline(mr))), mr.iid, inputs);
  };

  it.each([
    ['container_image', 'registry.example.com/app:1', 'running a container image'],
    ['external_url', 'https://app.example.com', 'a deployment that somebody else runs'],
  ])('%s is not there yet', async (input, value, text) => {
    expect(await deploy(`not-yet-${input}`, { [input]: value })).toEqual(
      refused(422, `The input "${input}" is not there yet (${text}): leave it out for now.`),
    );
  });

  it.each([
    ['app', 'Shop_1', 'must be at most 30 characters of a-z, 0-9 and -'],
    ['app', 'a'.repeat(31), 'must be at most 30 characters of a-z, 0-9 and -'],
    ['directory', '../secrets', 'must be a folder inside the repository, like apps/web'],
    ['directory', '/etc', 'must be a folder inside the repository, like apps/web'],
    ['context', 'a/../../b', 'must be a folder inside the repository, like apps/web'],
    ['timeout', 'soon', 'must be a duration like 90s, 15m or 1h'],
    [
      'variables',
      'A-B 1C',
      'names "A-B", "1C": the name of a variable has letters, digits and _ only, and names have spaces between them',
    ],
    [
      'setup_variables',
      'HOST OK PATH DAGSTER_CLOUD_X',
      'names HOST, PATH, DAGSTER_CLOUD_X: the service gives the app its own, so they cannot be handed over. Leave them out, or use other names',
    ],
    ['timeout', '-5m', 'must be a duration like 90s, 15m or 1h'],
    ['merge_request_iid', '', 'must be the number of a merge request: the job must run in a merge-request pipeline'],
  ])('%s cannot be %j', async (input, value, text) => {
    const token = await door.token(door.job(door.pipeline(await open(`wrong-${input}-${value.length}`))));
    // `context` alone would be refused for not holding `directory`, which says less.
    expect(await door.deploy(token, 1, { [input]: value })).toEqual(refused(422, `The input "${input}" ${text}.`));
  });

  it('all faults are told at once', async () => {
    expect(await deploy('many-faults', { app: 'UPPER', timeout: 'soon', container_image: 'X' })).toEqual(
      refused(
        422,
        [
          'The input "app" must be at most 30 characters of a-z, 0-9 and -.',
          'The input "timeout" must be a duration like 90s, 15m or 1h.',
          'The input "container_image" is not there yet (running a container image): leave it out for now.',
        ].join('\n'),
      ),
    );
  });

  it('a directory outside of the context', async () => {
    expect(await deploy('outside', { context: 'apps/web', directory: 'apps/api' })).toEqual(
      refused(422, 'The input "directory" (apps/api) must lie within "context" (apps/web).'),
    );
  });

  it('more text than any input needs', async () => {
    expect(await deploy('long', { directory: 'x'.repeat(65 * 1024) })).toEqual(
      refused(
        413,
        "The job's inputs are larger than 64 KiB together, with the values of the variables that it hands over (each in URL encoding): shorten them, or name fewer variables.",
      ),
    );
  });

  it("another app's environment", async () => {
    const mr = await open('two-apps');
    const environmentName = `review/mr-${mr.iid}`;
    const pipeline = door.pipeline(mr);
    const first = await door.deploy(await door.token(door.job(pipeline, { environmentName })), mr.iid, { app: 'web' });
    expect(first.status).toBe(200);
    const second = await door.token(door.job(pipeline, { name: 'api:deploy', environmentName }));
    expect(await door.deploy(second, mr.iid, { app: 'api' })).toEqual(
      refused(
        422,
        `The environment "${environmentName}" is already that of the app "web" of this merge request. Give each include of the component its own inputs "app", "job_prefix" and "environment_name".`,
      ),
    );
  });
});

describe('the component', () => {
  const ask = async (headers: Record<string, string>) =>
    door.call('POST', 'deploy', { token: null, headers, body: new URLSearchParams() });

  it('of a newer major version is told to upgrade the service', async () => {
    expect(await ask({ 'bd-component': '2.0.0' })).toEqual(
      refused(426, 'This service speaks with version 1 of the component, and the job uses 2.0.0. Upgrade the service.'),
    );
  });

  it('of an older or unknown version is told what to include', async () => {
    for (const version of ['0.9.0', 'latest']) {
      expect(await ask({ 'bd-component': version })).toEqual(
        refused(
          426,
          `This service speaks with version 1 of the component, and the job uses ${version}. Upgrade the component: include branch-deployment@1.`,
        ),
      );
    }
  });

  it('must be named', async () => {
    const response = await fetch(`${t.serviceUrl}/api/ci/v1/deploy`, { method: 'POST' });
    expect({ status: response.status, text: await response.text() }).toEqual(
      refused(
        426,
        'The request names no version of the component (header BD-Component). Use the jobs of the component branch-deployment.',
      ),
    );
  });
});
