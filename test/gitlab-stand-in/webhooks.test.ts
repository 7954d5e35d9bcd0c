import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import { afterEach, expect, test } from 'vitest';
import { withGitLab } from './with-gitlab.ts';

interface Received {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly json: Record<string, unknown> & { object_attributes?: Record<string, unknown> };
}

const ends: Array<() => void> = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

/** A receiver that answers as told, and keeps what it got. */
async function receive(answer: () => number = () => 200): Promise<{ url: string; received: Received[] }> {
  const received: Received[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString();
    received.push({ headers: request.headers as Record<string, string>, body, json: JSON.parse(body) });
    response.writeHead(answer()).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ends.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`, received };
}

const signingToken = `whsec_${Buffer.from('a signing key of thirty-two byte').toString('base64')}`;

test('the life of a merge request arrives as signed hooks, in order', () =>
  withGitLab(async ({ gitlab, project, mergeRequest, ada, bot }) => {
    const { url, received } = await receive();
    gitlab.addHook(project, { url, token: 'plain', signingToken });
    const before = mergeRequest.sha;
    await gitlab.push(project, 'feature', { files: { a: '1' }, author: ada });
    await gitlab.comment(project, 1, bot, 'Hello');
    await gitlab.updateMergeRequest(mergeRequest, ada, { labels: ['x'] });
    await gitlab.closeMergeRequest(mergeRequest, ada);
    await gitlab.reopenMergeRequest(mergeRequest, ada);
    await gitlab.mergeMergeRequest(mergeRequest, ada);
    await gitlab.webhooksSettled();

    const told = received.map(({ headers, json }) =>
      [headers['x-gitlab-event'], json.object_attributes?.action ?? json.ref].join(' '),
    );
    expect(told).toEqual([
      'Push Hook refs/heads/feature',
      'Merge Request Hook update',
      'Note Hook create',
      'Merge Request Hook update',
      'Merge Request Hook close',
      'Merge Request Hook reopen',
      'Merge Request Hook merge',
      'Push Hook refs/heads/main',
    ]);
    expect(received[1]?.json.object_attributes?.oldrev).toBe(before);
    expect(received[2]?.json).toMatchObject({
      user: { id: bot.id },
      merge_request: { iid: 1 },
      project_id: project.id,
    });
    expect(received[3]?.json.object_attributes).not.toHaveProperty('oldrev');
    for (const { headers, body } of received) {
      expect(headers['x-gitlab-token']).toBe('plain');
      expect(headers['idempotency-key']).toBe(headers['webhook-id']);
      expect(() => new Webhook(signingToken).verify(body, headers)).not.toThrow();
    }
    expect(gitlab.deliveries.map(({ status }) => status)).toEqual(received.map(() => 200));
  }));

test('pipeline, job, deployment and emoji hooks arrive', () =>
  withGitLab(async ({ gitlab, project, mergeRequest, ada, bot, call }) => {
    const { url, received } = await receive();
    gitlab.addHook(project, { url });
    const ref = 'refs/merge-requests/1/head';
    const pipeline = gitlab.createPipeline({
      project,
      sha: mergeRequest.sha,
      ref,
      source: 'merge_request_event',
      user: ada,
      mergeRequest,
    });
    const job = gitlab.addJob(pipeline, {
      name: 'deploy',
      stage: 'deploy',
      environmentName: 'review/mr-1',
      environmentAction: 'start',
    });
    gitlab.setPipelineStatus(pipeline, 'running');
    gitlab.setJobStatus(job, 'running');
    gitlab.startDeployment(job, {});
    const note = await gitlab.comment(project, 1, ada, '/deploy');
    await call('POST', `/projects/${project.id}/merge_requests/1/notes/${note?.id}/award_emoji`, { name: 'eyes' });
    await gitlab.webhooksSettled();
    expect(received.map(({ json }) => json.object_kind)).toEqual(['pipeline', 'build', 'deployment', 'note', 'emoji']);
    expect(received[0]?.json).toMatchObject({
      merge_request: { iid: 1 },
      object_attributes: { id: pipeline.id, source: 'merge_request_event' },
    });
    expect(received[2]?.json).toMatchObject({ status: 'running', environment: 'review/mr-1', deployable_id: job.id });
    expect(received[4]?.json).toMatchObject({
      user: { id: bot.id },
      object_attributes: { name: 'eyes', action: 'award' },
    });
  }));

test('four failures in a row disable a hook for a minute', () => {
  let now = Date.parse('2026-01-01T00:00:00Z');
  return withGitLab(
    async ({ gitlab, project, ada }) => {
      let status = 500;
      const { url, received } = await receive(() => status);
      const hook = gitlab.addHook(project, { url });
      const comment = async () => {
        await gitlab.comment(project, 1, ada, 'x');
        await gitlab.webhooksSettled();
      };
      for (let count = 0; count < 6; count += 1) await comment();
      expect(received).toHaveLength(4);
      expect(hook.disabledUntil).toBe('2026-01-01T00:01:00.000Z');
      now += 61_000;
      status = 200;
      await comment();
      expect(received).toHaveLength(5);
      expect(hook).toMatchObject({ consecutiveFailures: 0, disabledUntil: null });
    },
    { now: () => now },
  );
});

test('a delivery that is sent again keeps its ids', () =>
  withGitLab(async ({ gitlab, project, ada }) => {
    const { url, received } = await receive();
    gitlab.addHook(project, { url, signingToken });
    await gitlab.comment(project, 1, ada, 'x');
    await gitlab.webhooksSettled();
    const [delivery] = gitlab.deliveries;
    if (!delivery) throw new Error('nothing was delivered');
    await gitlab.resendDelivery(delivery);
    expect(received.map(({ headers }) => headers['webhook-id'])).toEqual([
      delivery.headers['webhook-id'],
      delivery.headers['webhook-id'],
    ]);
    expect(received[1]?.body).toBe(received[0]?.body);
  }));
