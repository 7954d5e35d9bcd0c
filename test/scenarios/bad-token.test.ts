import { UnsecuredJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSigningKey } from '../support/gitlab/identity/keys.ts';
import type { MergeRequest } from '../support/gitlab/state.ts';
import { openWorld, type World } from '../support/world.ts';
import { CiDoor } from './ci-door.ts';

let t: World;
let door: CiDoor;
let mr: MergeRequest;

beforeAll(async () => {
  t = await openWorld({ pipelines: false });
  door = new CiDoor(t);
  mr = await t.openMergeRequest('feature', { 'README.md': 'feature' });
});
afterAll(() => t.close());

const refused = (status: number, text: string) => ({ status, text: `${text}\n` });

describe('an ID token that does not do', () => {
  it('none', async () => {
    expect(await door.deploy(null, mr.iid)).toEqual(
      refused(401, 'The request carries no ID token. Use the jobs of the component branch-deployment.'),
    );
  });

  it('something that is no token, which is not repeated', async () => {
    expect(await door.deploy('glpat-somebodys-secret', mr.iid)).toEqual(
      refused(
        401,
        "What was sent is not an ID token: it is no JSON Web Token. The job needs `id_tokens:` with this service's URL as `aud`.",
      ),
    );
  });

  it('a variable that nobody expanded', async () => {
    expect(await door.deploy('$BRANCH_DEPLOYMENT_ID_TOKEN', mr.iid)).toEqual(
      refused(
        401,
        'A variable was sent unexpanded instead of an ID token: the job has no `id_tokens:` entry of that name.',
      ),
    );
  });

  it('an unsigned one', async () => {
    const claims = t.gitlab.idTokenClaimsFor(door.job(door.pipeline(mr)), t.serviceUrl);
    const token = new UnsecuredJWT({ ...claims, iss: t.gitlab.url }).setExpirationTime('1h').encode();
    expect(await door.deploy(token, mr.iid)).toEqual(
      refused(401, 'The ID token is not signed. Only tokens that GitLab signed are accepted.'),
    );
  });

  it('one whose claims were changed after it was signed', async () => {
    const [header, , signature] = (await door.token(door.job(door.pipeline(mr)))).split('.');
    const [, payload] = (await door.token(door.job(door.pipeline(mr)), { project_id: '99' })).split('.');
    expect(await door.deploy(`${header}.${payload}.${signature}`, mr.iid)).toEqual(
      refused(401, 'The signature of the ID token is wrong: it was changed or cut on its way.'),
    );
  });

  it('one that somebody else signed', async () => {
    const key = await createSigningKey();
    const token = await door.token(door.job(door.pipeline(mr)), {}, { key });
    expect(await door.deploy(token, mr.iid)).toEqual(
      refused(
        401,
        `The ID token is signed with the key "${key.kid}", which ${t.gitlab.url} does not publish: is it a token of this GitLab?`,
      ),
    );
  });

  it("another GitLab's", async () => {
    const token = await door.token(door.job(door.pipeline(mr)), {}, { issuer: 'https://gitlab.elsewhere.example' });
    expect(await door.deploy(token, mr.iid)).toEqual(
      refused(
        401,
        `The ID token is from "https://gitlab.elsewhere.example", but this service takes tokens from "${t.gitlab.url}" only. If both are the same GitLab, set BD_GITLAB_ISSUER of the service to the first.`,
      ),
    );
  });

  it('an expired one', async () => {
    const exp = Math.floor(Date.now() / 1000) - 3600;
    const token = await door.token(door.job(door.pipeline(mr)), { iat: exp - 3600, nbf: exp - 3600, exp });
    const at = new Date(exp * 1000).toISOString().replace('.000Z', 'Z');
    expect(await door.deploy(token, mr.iid)).toEqual(
      refused(
        401,
        `The ID token expired at ${at}; the job ran longer than its timeout allows, or its token was kept for later. Run the job again.`,
      ),
    );
  });

  it('one that is meant for another service', async () => {
    const token = await door.token(door.job(door.pipeline(mr)), { aud: 'https://vault.example.com' });
    expect(await door.deploy(token, mr.iid)).toEqual(
      refused(
        401,
        `The ID token is meant for "https://vault.example.com", but this service is "${t.serviceUrl}". Set the component's input service_url to ${t.serviceUrl}, or BD_PUBLIC_URL of the service to what the input says.`,
      ),
    );
  });

  it('is refused at every door, and leaves nothing behind', async () => {
    for (const [method, path] of [
      ['PUT', 'source'],
      ['GET', 'log'],
      ['GET', 'outcome'],
      ['POST', 'stop'],
    ] as const) {
      const { status } = await door.call(method, path, { token: null });
      expect({ path, status }).toEqual({ path, status: 401 });
    }
    expect(t.note(mr.iid)).toBeUndefined();
    expect(t.bundles()).toEqual([]);
  });
});

describe('a genuine ID token of the wrong job', () => {
  it('of a project that the operator does not allow', async () => {
    const other = await t.gitlab.addProject({ path: 'elsewhere/site' });
    t.gitlab.addMember(other, t.dev, 30);
    t.gitlab.addMember(other, t.bot, 30);
    const { sha } = await t.gitlab.push(other, 'x', { files: { a: 'a' }, author: t.dev });
    const theirs = await t.gitlab.openMergeRequest(other, { sourceBranch: 'x', author: t.dev });
    const pipeline = t.gitlab.createPipeline({
      project: other,
      sha,
      ref: `refs/merge-requests/${theirs.iid}/head`,
      source: 'merge_request_event',
      user: t.dev,
      mergeRequest: theirs,
    });
    expect(await door.deploy(await door.token(door.job(pipeline)), theirs.iid)).toEqual(
      refused(
        403,
        `The project elsewhere/site (id ${other.id}) may not use this service. Its operator can add it to BD_ALLOWED_PROJECTS.`,
      ),
    );
  });

  it('of a branch pipeline', async () => {
    const pipeline = door.pipeline(mr, { source: 'push', ref: 'feature' });
    expect(await door.deploy(await door.token(door.job(pipeline)), mr.iid)).toEqual(
      refused(
        403,
        'This job belongs to a pipeline of source "push", not to a merge-request pipeline. A branch deployment needs one: let the job run with the rule  if: $CI_PIPELINE_SOURCE == "merge_request_event"  (the component\'s default).',
      ),
    );
  });

  it('without an environment, or with another action', async () => {
    const text = (action: string) =>
      `The ID token is of a job with environment action "${action}", and this call takes "start". Use the component's own jobs; do not copy their script into another job.`;
    const bare = door.job(door.pipeline(mr), { environmentName: null, environmentAction: null });
    expect(await door.deploy(await door.token(bare), mr.iid)).toEqual(refused(403, text('none')));
    for (const action of ['stop', 'prepare', 'verify', 'access'] as const) {
      const job = door.job(door.pipeline(mr), { environmentAction: action });
      expect(await door.deploy(await door.token(job), mr.iid)).toEqual(refused(403, text(action)));
    }
  });

  it('of the deploy job cannot stop anything', async () => {
    expect(await door.stop(await door.token(door.job(door.pipeline(mr))), mr.iid)).toEqual(
      refused(
        403,
        'The ID token is of a job with environment action "start", and this call takes "stop". Use the component\'s own jobs; do not copy their script into another job.',
      ),
    );
  });

  it("of another merge request's pipeline", async () => {
    const other = await t.openMergeRequest('other', { 'README.md': 'other' });
    const pipeline = door.pipeline(other);
    expect(await door.deploy(await door.token(door.job(pipeline)), mr.iid)).toEqual(
      refused(
        403,
        `The job says merge request !${mr.iid}, but its pipeline ${pipeline.id} belongs to !${other.iid}. Do not set CI_MERGE_REQUEST_IID by hand; run the job in a pipeline of that merge request.`,
      ),
    );
  });

  it('whose pipeline has the name of a branch', async () => {
    const pipeline = door.pipeline(mr, { ref: 'refs/merge-requests/../1/head' });
    expect(await door.deploy(await door.token(door.job(pipeline)), mr.iid)).toEqual(
      refused(
        403,
        `The job says merge request !${mr.iid}, but its pipeline ${pipeline.id} belongs to "refs/merge-requests/../1/head". Do not set CI_MERGE_REQUEST_IID by hand; run the job in a pipeline of that merge request.`,
      ),
    );
  });
});
