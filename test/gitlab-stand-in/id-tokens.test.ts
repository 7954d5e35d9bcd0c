import { createRemoteJWKSet, jwtVerify } from 'jose';
import { expect, test } from 'vitest';
import { createSigningKey } from '../support/gitlab/identity/keys.ts';
import type { Job } from '../support/gitlab/state.ts';
import { type World, withGitLab } from './with-gitlab.ts';

function deployJob({ gitlab, project, mergeRequest, ada }: World): Job {
  const ref = 'refs/merge-requests/1/head';
  const pipeline = gitlab.createPipeline({
    project,
    sha: mergeRequest.sha,
    ref,
    source: 'merge_request_event',
    user: ada,
    mergeRequest,
  });
  return gitlab.addJob(pipeline, {
    name: 'deploy',
    stage: 'deploy',
    environmentName: 'review/mr-1',
    environmentAction: 'start',
    deploymentTier: 'development',
  });
}

async function verify(world: World, token: string) {
  const discovery = await (await fetch(`${world.gitlab.localUrl}/.well-known/openid-configuration`)).json();
  return jwtVerify(token, createRemoteJWKSet(new URL(discovery.jwks_uri)), {
    issuer: discovery.issuer,
    audience: 'https://previews.example.com',
  });
}

test('an ID token is verified through discovery and the published keys', () =>
  withGitLab(async (world) => {
    const job = deployJob(world);
    const token = await world.gitlab.signIdToken(world.gitlab.idTokenClaimsFor(job, 'https://previews.example.com'));
    const { payload, protectedHeader } = await verify(world, token);
    expect(protectedHeader).toMatchObject({ alg: 'RS256', kid: expect.any(String) });
    expect(payload).toMatchObject({
      project_id: String(world.project.id),
      project_path: 'data/platform',
      job_project_id: String(world.project.id),
      pipeline_id: String(job.pipelineId),
      pipeline_source: 'merge_request_event',
      job_id: String(job.id),
      ref: 'feature',
      ref_type: 'branch',
      ref_path: 'refs/heads/feature',
      ref_protected: 'false',
      environment: 'review/mr-1',
      environment_protected: 'false',
      environment_action: 'start',
      deployment_tier: 'development',
      user_login: 'ada',
      user_access_level: 'owner',
      runner_id: 1,
      sha: world.mergeRequest.sha,
    });
    expect(payload.exp).toBe((payload.iat ?? 0) + 3600);
  }));

test('a token of a rotated, a foreign or an expired key is not accepted', () =>
  withGitLab(async (world) => {
    const { gitlab } = world;
    const claims = gitlab.idTokenClaimsFor(deployJob(world), 'https://previews.example.com');
    const old = await gitlab.signIdToken(claims);
    await gitlab.rotateKeys();
    await expect(verify(world, old)).rejects.toThrow(/no applicable key/);
    await expect(verify(world, await gitlab.signIdToken(claims))).resolves.toBeDefined();
    await expect(verify(world, await gitlab.signIdToken(claims, { key: await createSigningKey() }))).rejects.toThrow(
      /no applicable key/,
    );
    await expect(verify(world, await gitlab.signIdToken(claims, { expiresInSeconds: -60 }))).rejects.toThrow(/"exp"/);
    await expect(
      verify(world, await gitlab.signIdToken(claims, { audience: 'https://other.example.com' })),
    ).rejects.toThrow(/"aud"/);
  }));

test("the token of a fork's pipeline in the parent names the fork, and where it runs", () =>
  withGitLab(async ({ gitlab, project }) => {
    const eve = gitlab.addUser('eve');
    const fork = await gitlab.fork(project, eve);
    await gitlab.push(fork, 'patch', { files: { a: '1' }, author: eve });
    const mergeRequest = await gitlab.openMergeRequest(project, {
      sourceBranch: 'patch',
      sourceProject: fork,
      author: eve,
    });
    const ref = `refs/merge-requests/${mergeRequest.iid}/head`;
    const pipeline = gitlab.createPipeline({
      project,
      sha: mergeRequest.sha,
      ref,
      source: 'merge_request_event',
      user: eve,
      mergeRequest,
    });
    const claims = gitlab.idTokenClaimsFor(gitlab.addJob(pipeline, { name: 'deploy', stage: 'deploy' }), 'x');
    expect(claims).toMatchObject({
      project_id: String(fork.id),
      project_path: 'eve/platform',
      job_project_id: String(project.id),
      ref: 'patch',
    });
    expect(claims).not.toHaveProperty('environment');
  }));

test('a stand-in with a public URL of its own is the issuer by that name, and publishes its keys where it was asked', () =>
  withGitLab(
    async (world) => {
      const { gitlab } = world;
      const discovery = await (await fetch(`${gitlab.localUrl}/gitlab/.well-known/openid-configuration`)).json();
      expect(discovery.issuer).toBe(gitlab.url);
      expect(gitlab.url).toMatch(/^http:\/\/gitlab\.localhost:\d+\/gitlab$/);
      const keys = createRemoteJWKSet(new URL(discovery.jwks_uri));
      const token = await gitlab.signIdToken(gitlab.idTokenClaimsFor(deployJob(world), 'x'));
      await expect(jwtVerify(token, keys, { issuer: gitlab.url })).resolves.toBeDefined();
    },
    { publicUrl: (port) => `http://gitlab.localhost:${port}/gitlab/` },
  ));
